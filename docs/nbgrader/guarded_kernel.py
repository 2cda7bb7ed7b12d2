"""Run what learners hand in behind a wall (Linux with bubblewrap): a kernel for nbgrader to grade with.

    python docs/nbgrader/guarded_kernel.py install

Call it once, with the course's Python: it adds the kernel "course-guarded". That kernel sees the system's programs,
this Python with its packages, and course_lib: no home folder, no solutions, no gradebook and no other submission. It
can write into memory only, which is gone when it ends, and the processes that it started end with it. Its processor
time and the size of its files are limited. The network stays open, because nbgrader talks to the kernel through it,
and memory is not limited: for both, grade in a container or a virtual machine.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "course-guarded"
CPU_SECONDS = 1200  # of all threads together: an exercise with its trainings takes up to 300
FILE_BYTES = 200_000_000
PROCESSES = 4096  # of this user, threads included: one kernel has about fifty
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/passwd",
)


def wall(connection_file):
    """Return the bubblewrap command that a kernel's command is appended to; ``connection_file`` may be read inside."""
    seen = [*SYSTEM, sys.base_prefix, sys.prefix, str(ROOT / "course_lib"), str(connection_file)]
    variables = {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    variables |= {"COURSE_PROGRESS": "off", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--clearenv"]
    command += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    for path in seen:
        command += ["--ro-bind-try", path, path]
    for name, value in variables.items():
        command += ["--setenv", name, value]
    return [*command, "--chdir", "/tmp", "--"]


def run(connection_file, cpu_seconds=CPU_SECONDS):
    """Become the guarded kernel that nbgrader reaches through ``connection_file``."""
    import resource  # here, because Windows has none

    limits = {resource.RLIMIT_CPU: cpu_seconds, resource.RLIMIT_FSIZE: FILE_BYTES, resource.RLIMIT_CORE: 0}
    limits[resource.RLIMIT_NPROC] = PROCESSES
    for limit, value in limits.items():
        most = resource.getrlimit(limit)[1]
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(limit, (value, value))
    kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", str(connection_file)]
    os.execvp("bwrap", wall(connection_file) + kernel)


def works():
    """Return whether this machine has bubblewrap and lets it build the wall."""
    try:
        return subprocess.run([*wall("/absent"), sys.executable, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


def install(folder, cpu_seconds=CPU_SECONDS):
    """Write the kernel's description into ``folder``/course-guarded, where Jupyter finds it, and return its path."""
    argv = [sys.executable, str(Path(__file__).resolve()), "{connection_file}", str(cpu_seconds)]
    # A signal would end bubblewrap and not interrupt the cell: the kernel is asked by message to interrupt itself.
    description = {"argv": argv, "display_name": NAME, "language": "python", "interrupt_mode": "message"}
    path = Path(folder) / NAME / "kernel.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(description, indent=1))
    return path


if __name__ == "__main__":
    if sys.argv[1:] == ["install"]:
        if not works():
            sys.exit("bubblewrap is missing or not allowed here: sudo apt install bubblewrap")
        print(install(Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "jupyter" / "kernels"))
    elif len(sys.argv) == 3:
        run(sys.argv[1], int(sys.argv[2]))
    else:
        sys.exit(__doc__)
