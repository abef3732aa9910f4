"""The vectors that the C++ program wrote once, checked by the reader that was written from the page alone."""
from pathlib import Path

import pytest

VECTORS = Path(__file__).resolve().parents[1] / "golden/mf1-vectors.json"

if not VECTORS.exists():
    pytest.skip("tests/golden/mf1-vectors.json is not there yet", allow_module_level=True)
