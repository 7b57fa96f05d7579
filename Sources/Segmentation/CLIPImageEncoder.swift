import CLIP
import Torch

extension ImageTower: ImageEncoder {
  /// The stride of the last layer: a patch's side, or 32 for a ResNet.
  public var gridStride: Int { hiddenStrides.last ?? configuration.patchSize }

  /// Every setting of the geometry.
  public var geometry: String { "\(configuration)" }

  /// Encodes normalised pixels as far as the tower is frozen; `dense` names an extractor of CLIP's `DenseFeatures`.
  public func frozen(
    _ pixels: Tensor, tuned: Tuning, dense: String, layers: [Int]
  ) throws -> FrozenFeatures {
    let depth = frozenDepth(tuned)
    guard depth == nil else { return .trunk(try trunk(pixels, depth: depth ?? 0, hidden: layers)) }
    return .encoded(try encoded(self(pixels, dense: DenseFeatures(named: dense), hidden: layers)))
  }

  /// Encodes what the frozen part made of images.
  public func encode(_ frozen: FrozenFeatures, dense: String, layers: [Int]) throws -> EncodedImages {
    switch frozen {
    case .encoded(let images): images
    case .trunk(let trunk): encoded(try self(trunk, dense: DenseFeatures(named: dense), hidden: layers))
    }
  }

  /// The parameters that are trained when this much of the tower is tuned.
  public func parameters(tuned: Tuning) throws -> [NamedTensor] {
    switch tuned {
    case .none: []
    case .last(let count): parameters(ofLast: count)
    case .all: parameters()
    }
  }

  /// The parts that are not trained when this much of the tower is tuned.
  public func frozenModules(tuned: Tuning) -> [Module] {
    switch tuned {
    case .none: [self]
    case .last(let count): modules(before: depth(beforeLast: count))
    case .all: []
    }
  }

  /// Layers that are passed before the first that is trained; nil when none is trained.
  private func frozenDepth(_ tuned: Tuning) -> Int? {
    switch tuned {
    case .none: nil
    case .last(let count): depth(beforeLast: count)
    case .all: 0
    }
  }

  private func encoded(_ features: ImageFeatures) -> EncodedImages {
    EncodedImages(dense: features.dense, image: features.image, layers: features.layers)
  }
}
