import CLIP
import Torch

extension VisionTransformer: ImageEncoder {
  /// Channels of the layers' outputs.
  public var layerWidth: Int { configuration.hiddenSize }
  /// The side of a patch.
  public var gridStride: Int { configuration.patchSize }

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
