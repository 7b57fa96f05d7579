// A layer of one's own, and an operator of libtorch by name.
import Torch

// snippet: layer
final class Block: Module {
  @Child var norm: LayerNorm
  @Parameter var scale: Tensor
  init(width: Int) throws {
    _norm = Child("layer_norm1", try LayerNorm(width))
    _scale = Parameter("scale", try .ones([width]))
  }
  func callAsFunction(_ x: Tensor) throws -> Tensor { try norm(x) * scale }
}
// end

let x = try Block(width: 3)(Tensor([1, 2, 6] as [Float], shape: [1, 3]))
// snippet: operator
let softmax = Operator("aten::softmax", "int")
let y = try softmax(x, -1)
// end
print(try y.array(of: Float.self))
