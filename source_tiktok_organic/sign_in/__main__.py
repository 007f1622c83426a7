"""`python -m source_tiktok_organic.sign_in`."""

import sys

from source_tiktok_organic.sign_in.command import main

sys.exit(main())
