import CLIP
import Torch

extension ImagePass {
  /// Encodes normalised pixels.
  ///
  /// - Parameters:
  ///   - pixels: B×3×S×S, normalised by CLIP's mean and deviation.
  ///   - dense: a name of CLIP's `FeatureReading`.
  ///   - layers: the layers (of a ResNet: stages) whose outputs are returned, counted from 1.
  /// - Returns: dense features, image embedding, layer outputs.
  /// - Throws: `CLIPError.unknownReading`, or `TorchError` if the shapes do not fit.
  package func encode(_ pixels: Tensor, dense: String, layers: [Int]) throws -> EncodedImages {
    let reading = try FeatureReading(named: dense)
    return try EncodedImages(
      self(pixels, dense: reading.dense, hidden: layers, reading: reading.layers))
  }

  /// Encodes images from cached features of the tower's frozen part.
  ///
  /// The features must come from the same extractor and layers.
  ///
  /// - Returns: dense features, image embedding, layer outputs.
  /// - Throws: `CLIPError.unknownReading`, or `TorchError` if the shapes do not fit.
  package func encode(_ frozen: FrozenFeatures, dense: String, layers: [Int]) throws -> EncodedImages {
    switch frozen {
    case .encoded(let images): images
    case .trunk(let trunk):
      try EncodedImages(self(trunk, dense: FeatureReading(named: dense).dense, hidden: layers))
    }
  }
}

extension EncodedImages {
  fileprivate init(_ features: ImageFeatures) {
    self.init(dense: features.dense, image: features.image, layers: features.layers)
  }
}

extension ImageTower: ImageEncoder {
  /// The stride of the last layer: a patch's side, or 32 for a ResNet.
  package var gridStride: Int { hiddenStrides.last ?? configuration.patchSize }

  /// Every setting of the geometry, as text.
  package var geometry: String { "\(configuration)" }

  /// Returns the parameters that this tuning trains.
  package func parameters(tuned: Tuning) throws -> [NamedTensor] {
    switch tuned {
    case .none: []
    case .last(let count): parameters(ofLast: count)
    case .all: parameters()
    }
  }

  /// Returns the modules that this tuning does not train.
  package func frozenModules(tuned: Tuning) -> [Module] {
    switch tuned {
    case .none: [self]
    case .last(let count): modules(before: depth(beforeLast: count))
    case .all: []
    }
  }

  /// Returns the part that this tuning does not train.
  package func frozenPart(tuned: Tuning, for precision: Precision?) throws -> FrozenPart? {
    switch tuned {
    case .none: FrozenPart(tower: try precision.map { try compiled(for: $0) } ?? self)
    case .last(let count):
      try precision.map { FrozenPart(trunk: try compiled(for: $0, upTo: depth(beforeLast: count))) }
        ?? FrozenPart(tower: self, depth: depth(beforeLast: count))
    case .all: nil
    }
  }
}
