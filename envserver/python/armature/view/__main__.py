"""``python -m armature.view``."""

import sys

from armature.view.main import main

sys.exit(main())
