"""What is used of OpenVINO, without its converter of models: that sends word of each import to its makers, and takes
longer to load than all the rest.
"""

import sys

# None means that it cannot be imported, which OpenVINO takes calmly.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type] # None is Python's own way to say so

from openvino import CompiledModel, Core, InferRequest, Model, Node  # noqa: E402 - after the line above
from openvino import opset13 as ops  # noqa: E402

__all__ = ["CompiledModel", "Core", "InferRequest", "Model", "Node", "ops"]
