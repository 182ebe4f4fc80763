"""The keeper: the small process that stands for a replica whose server is somebody else's, in any language.

::

    python -P -B -m longspan.serving keep ORDERS          its working directory is the state folder

It holds the slot's lock, starts the server, waits until that is ready and fits what the file declares (`asking`,
`longspan.wire.metadata`), gives it the slot's socket, answers the handshake in its place (`door`), writes its load
page (`tree`), sees whether it hangs (`pulse`), and drains it by watching its connections (`connections`). Control sees
a replica like any other. No numpy, no onnxruntime and no event loop: a keeper costs 20 MB and a twentieth of a second.
"""
