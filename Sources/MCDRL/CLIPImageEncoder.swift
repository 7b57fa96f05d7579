import CLIP
import Torch

extension ImageTower: ImageEncoder {
  /// The stride of the last layer: a patch's side, or 32 for a ResNet.
  public var gridStride: Int { hiddenStrides.last ?? configuration.patchSize }

  /// Encodes normalised pixels; `dense` names an extractor of CLIP's `DenseFeatures`.
  public func encode(_ pixels: Tensor, dense: String, layers: [Int]) throws -> EncodedImages {
    let features = try self(pixels, dense: DenseFeatures(named: dense), hidden: layers)
    return EncodedImages(dense: features.dense, image: features.image, layers: features.layers)
  }

  /// The parameters that are trained when this much of the tower is tuned.
  public func parameters(tuned: Tuning) throws -> [NamedTensor] {
    switch tuned {
    case .none: []
    case .last(let count): parameters(ofLast: count)
    case .all: parameters()
    }
  }
}
