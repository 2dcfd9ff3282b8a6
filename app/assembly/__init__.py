"""The program without a face: what a page or a command asks for is one method of `Overwinter`.

Open `overwinter.py` to see what is built at a start; what is asked stands by its topic in the modules beside it.
"""

from app.assembly.overwinter import Overwinter, assemble

__all__ = ["Overwinter", "assemble"]
