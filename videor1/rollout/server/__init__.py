"""A vLLM engine in a process of its own: it is asked over HTTP and gets its weights as files.

    remote (the engine that a trainer has) ─▶ client ─▶ service ─▶ VLLMEngine

`child` starts the process that serves, whose command line is `__main__`. `wire` (bytes in an `envelope`) and
`publication` (a folder of weights) are what passes between the two.
"""
