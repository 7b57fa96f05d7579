import CLIP
import Confounders
import Segmentation
import Torch

/// An image tower and the method after it, ready for inference.
///
/// The value is immutable and shared by threads. `SegmentationSystem.compiled(for:)` makes it.
///
/// It is `@unchecked Sendable` because on devices other than the CPU the tower is a `Module`, a
/// class with parameters that training may write. This one is a copy in evaluation mode to which
/// nothing else refers, and it is only read. On the CPU the tower is a compiled one, which cannot
/// be written.
package struct CompiledSystem: @unchecked Sendable {
  private let tower: any ImagePass
  private let model: CompiledModel
  private let normalization: PixelNormalization
  private let precision: Precision
  /// The device of the computation; batches are moved there.
  package let device: Device
  /// Whether inference intervenes: false for weights of an epoch before the intervention starts.
  package let intervenes: Bool

  /// The settings of the model after the tower.
  package var configuration: ModelConfiguration { model.configuration }
  /// The method, for reading only.
  package var method: SegmentationMethod { model.method }
  /// The embedded prompts.
  package var text: TextEmbeddings { model.text }
  /// The confounders with P(z).
  package var dictionary: ConfounderDictionary { model.dictionary }

  init(
    tower: any ImagePass, model: CompiledModel, _ normalization: PixelNormalization, precision: Precision,
    device: Device, intervenes: Bool
  ) {
    (self.tower, self.model, self.normalization) = (tower, model, normalization)
    (self.precision, self.device, self.intervenes) = (precision, device, intervenes)
  }

  /// Returns the system with the tower of another one, which has the same weights.
  func withTower(of other: CompiledSystem) -> CompiledSystem {
    CompiledSystem(
      tower: other.tower, model: model, normalization, precision: precision, device: device,
      intervenes: intervenes)
  }

  /// Whether the model reads the same features of a tower as another one.
  func readsFeatures(like other: CompiledSystem) -> Bool {
    model.configuration.dense == other.model.configuration.dense
      && model.towerLayers == other.model.towerLayers
      && ![self, other].contains { $0.configuration.method.traits.ignoresTower }
  }

  /// Segments a batch without recording for gradients.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of all images, from a `FrozenEncoder` of the same weights or from
  ///     `encoded`; nil runs the tower.
  ///   - pass: the settings of the pass.
  /// - Returns: the logits and the tensors that lead to them, on the system's device.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func callAsFunction(
    _ images: Tensor, cached: FrozenFeatures? = nil, _ pass: ForwardPass = ForwardPass()
  ) throws -> SegmentationOutput {
    try inferring {
      let pixels = try normalization(images)
      return try model(
        images: pixels, encoded: encode(pixels, cached), pass.inferring(intervening: intervenes))
    }
  }

  /// Computes the lesion probabilities of a batch, float32 B×K×S×S, on the CPU.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of all images; nil runs the tower.
  ///   - pass: the settings of the pass.
  /// - Returns: probabilities from 0 to 1.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func probabilities(
    _ images: Tensor, cached: FrozenFeatures? = nil, _ pass: ForwardPass = ForwardPass()
  ) throws -> Tensor {
    try inferenceMode { try self(images, cached: cached, pass).logits.to(.float32).sigmoid().to(.cpu) }
  }

  /// Segments a batch and returns the tower's outputs, too, without recording for gradients.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of all images; nil runs the tower.
  /// - Returns: the model's outputs and the tower's, on the system's device.
  /// - Throws: `TorchError` if the shapes do not fit.
  func seeing(
    _ images: Tensor, cached: FrozenFeatures? = nil
  ) throws -> (output: SegmentationOutput, encoded: EncodedImages) {
    try inferring {
      let pixels = try normalization(images)
      let encoded = try encode(pixels, cached)
      return (
        try model(images: pixels, encoded: encoded, ForwardPass().inferring(intervening: intervenes)), encoded
      )
    }
  }

  /// Computes the image tower's outputs for a batch.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of all images from a `FrozenEncoder` of the same weights; nil runs
  ///     the tower.
  /// - Returns: dense features, image embedding, layer outputs, on the system's device.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func encoded(_ images: Tensor, cached: FrozenFeatures? = nil) throws -> EncodedImages {
    try inferring { try encode(normalization(images), cached) }
  }

  /// Computes the representation of a batch before the head, float32 on the CPU.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of all images; nil runs the tower.
  ///   - pass: the settings of the pass.
  /// - Returns: F, F_ca and the attention.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func representation(
    _ images: Tensor, cached: FrozenFeatures? = nil, _ pass: ForwardPass = ForwardPass()
  ) throws -> Representation {
    try inferenceMode {
      try inferring {
        try model.represent(
          encode(normalization(images), cached), pass.inferring(intervening: intervenes))
      }
      .map { try $0.to(.float32).to(.cpu) }
    }
  }

  /// Computes S^ of a batch, float32 B×h×w, on the CPU.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of all images; nil runs the tower.
  /// - Returns: the score of every position.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func regionScore(_ images: Tensor, cached: FrozenFeatures? = nil) throws -> Tensor {
    try inferenceMode {
      try inferring { try model.regionScore(encode(normalization(images), cached)) }.to(.float32).to(.cpu)
    }
  }

  private func encode(_ pixels: Tensor, _ cached: FrozenFeatures?) throws -> EncodedImages {
    guard !configuration.method.traits.ignoresTower else {
      return try .empty(for: pixels, width: model.text.classes.size(1))
    }
    let (dense, layers) = (model.configuration.dense, model.towerLayers)
    guard let cached = try cached?.to(device) else {
      return try tower.encode(pixels, dense: dense, layers: layers)
    }
    return try tower.encode(cached, dense: dense, layers: layers)
  }

  private func inferring<Result>(_ body: () throws -> Result) throws -> Result {
    try inferenceMode { try autocast(to: precision.autocastType, on: device, body) }
  }
}
