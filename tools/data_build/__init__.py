"""The parts of ``tools/build_data.py``: one module per asset, and what they share."""
