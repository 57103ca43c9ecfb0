"""The roof: what people and machines start."""

import os

# Before numpy is loaded, which reads it once. The heads' products are small: two threads spend more on waiting for one
# another than on reckoning, on busy cores twice as much processor as all of judging (docs/performance.md, "Judging").
# Who sets it, decides. Encoders have threads of their own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
