"""What runs in Lambda, zipped alone. The modules at the top are the functions.

The packages are floors, from top to bottom: ``actions`` and ``identity``, ``requests``, ``posting``, ``tables``,
``protocol``, ``runtime``. A module imports from its own floor (relatively) and from those below (absolutely). A test
checks this.
"""
