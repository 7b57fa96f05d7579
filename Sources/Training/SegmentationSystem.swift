import CLIP
import Confounders
import Foundation
import Segmentation
import Storage
import Torch

/// An image tower and the method after it: the trained and stored parts of a run.
package final class SegmentationSystem: Module {
  @Child private var towerModule: Module
  /// The method after the tower.
  @Child package var model: SegmentationModel
  private let tower: any ImageEncoder
  private let textEncoder: TextEncoder?
  private let configuration: RunConfiguration
  private var normalization: PixelNormalization
  private var tuning: Tuning { configuration.tunedPart }
  private var precision: Precision { configuration.precision }
  /// Whether inference intervenes: false for weights of an epoch before the intervention starts.
  ///
  /// Such weights were trained without it, and its own parameters still have their initial values.
  package var intervenes = true
  /// The device of the computation; batches are moved there.
  package private(set) var device = Device.cpu

  /// Makes a system from its parts.
  ///
  /// - Parameters:
  ///   - tower: the image tower.
  ///   - mean: CLIP's pixel means, red, green, blue.
  ///   - deviation: CLIP's pixel deviations.
  ///   - text: the embedded prompts.
  ///   - textEncoder: the text tower, for methods that learn prompts.
  ///   - configuration: the settings.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  package init(
    tower: any ImageEncoder, mean: [Double], deviation: [Double], text: TextEmbeddings,
    textEncoder: TextEncoder? = nil, configuration: RunConfiguration
  ) throws {
    self.tower = tower
    self.textEncoder = configuration.model.method.traits.needsTextTower ? textEncoder : nil
    self.configuration = configuration
    normalization = try PixelNormalization(mean: mean, deviation: deviation)
    let model = try Self.model(configuration, tower, text, textEncoder)
    _towerModule = Child("tower", tower)
    _model = Child("model", model)
    super.init()
  }

  private static func model(
    _ configuration: RunConfiguration, _ tower: any ImageEncoder, _ text: TextEmbeddings,
    _ textEncoder: TextEncoder?
  ) throws -> SegmentationModel {
    try SegmentationModel(
      configuration.model, text: text, textEncoder: textEncoder, towerWidths: tower.hiddenWidths,
      towerStrides: tower.hiddenStrides, gridStride: tower.gridStride,
      siteCount: configuration.sources.isEmpty ? nil : configuration.sources.count, seed: configuration.seed,
      maskCount: configuration.reader.maskCount)
  }

  /// Returns the trained parameters in groups with their own learning rates.
  package func parameterGroups(_ optimizer: OptimizerConfiguration) throws -> [ParameterGroup] {
    for parameter in tower.parameters() { try parameter.tensor.requireGradient(false) }
    let tuned = try tower.parameters(tuned: tuning)
    let head = ParameterGroup(
      name: "model", parameters: model.parameters(), learningRate: optimizer.learningRate,
      weightDecay: optimizer.weightDecay)
    guard !tuned.isEmpty else { return [head] }
    guard optimizer.layerDecay < 1 else {
      return [
        head,
        ParameterGroup(
          name: "tower", parameters: tuned, learningRate: optimizer.towerLearningRate,
          weightDecay: optimizer.weightDecay),
      ]
    }
    // The last layer and what follows it have the whole rate, the first convolution the smallest.
    var rest = Dictionary(uniqueKeysWithValues: tuned.map { ($0.key, $0) })
    var groups = [head]
    let depth = tower.hiddenWidths.count
    for last in 1...depth + 1 {
      let layer = last > depth ? tuned : try tower.parameters(tuned: .last(last))
      let parameters = layer.compactMap { rest.removeValue(forKey: $0.key) }
      guard !parameters.isEmpty else { continue }
      groups.append(
        ParameterGroup(
          name: "tower.\(last)", parameters: parameters,
          learningRate: optimizer.towerLearningRate * pow(optimizer.layerDecay, Double(last - 1)),
          weightDecay: optimizer.weightDecay))
    }
    return groups
  }

  /// Switches between training and evaluation; the frozen part of the tower stays in evaluation.
  package override func train(_ value: Bool = true) {
    super.train(value)
    for module in tower.frozenModules(tuned: tuning) { module.train(false) }
  }

  /// Returns the frozen parameters of the image tower, by their keys in `state()`.
  ///
  /// - Throws: `TorchError` if more layers are to be trained than exist.
  func frozenWeights() throws -> [String: Tensor] {
    let tuned = Set(try tower.parameters(tuned: tuning).map(\.key))
    return Dictionary(
      uniqueKeysWithValues: tower.parameters().filter { !tuned.contains($0.key) }
        .map { ("tower." + $0.key, $0.tensor) })
  }

  /// Returns a hash of `frozenWeights`, and of the text tower for a method that needs it.
  ///
  /// - Throws: `TorchError` if the weights cannot be read.
  func frozenWeightsHash() throws -> String {
    var hash = try ContentHash(of: frozenWeights())
    if let text = try textTowerHash() { hash.combine(text) }
    return hash.text
  }

  /// Returns a hash of the text tower's weights; nil for a method that does not need the tower.
  ///
  /// - Throws: `TorchError` if the weights cannot be read.
  func textTowerHash() throws -> String? {
    try textEncoder.map { try ContentHash(of: $0.tower.state()).text }
  }

  /// Returns a hash of everything except the pixels that the frozen part's features depend on.
  ///
  /// These are weights, extractor, layers and precision.
  ///
  /// - Throws: `TorchError` if the weights cannot be read.
  func frozenHash() throws -> ContentHash {
    var hash = ContentHash()
    hash.combine(
      "\(tuning) \(precision.rawValue) \(model.configuration.dense) \(model.towerLayers) \(device.kind)")
    // The number rises if the last bits of the frozen part's results change. 2: this package's
    // attention kernel. 3: prepared convolutions. 4: float32 linear layers by oneDNN.
    hash.combine("arithmetic 4")
    hash.combine(
      "laid out, \(Machine.libtorchVersion) \(Machine.cpuCapability) \(Machine.hasOneDNN) "
        + "\(Machine.oneDNNVersion ?? "")")
    // The processor's features determine how products are computed.
    hash.combine(Machine.processorFeatures.sorted().joined(separator: " "))
    if Machine.attentionHasTiles { hash.combine("attention with tiles") }
    hash.combine(tower.geometry)
    let tuned = Set(try tower.parameters(tuned: tuning).map(\.key))
    hash.combine(try ContentHash(of: tower.state().filter { !tuned.contains($0.key) }))
    for tensor in normalization.tensors { try tensor.withBytes { hash.combine($0) } }
    return hash
  }

  /// Moves all tensors of the computation to a device.
  package override func move(to device: Device) throws {
    guard device != self.device else { return }
    try super.move(to: device)
    // The text tower is neither trained nor stored, so it is no child.
    try textEncoder?.tower.move(to: device)
    normalization = try normalization.moved(to: device)
    self.device = device
  }

  /// Makes the encoder of the frozen part of the image tower, in the run's precision.
  ///
  /// On the CPU it is compiled. The weights must have their values: later changes do not reach the
  /// encoder.
  ///
  /// - Returns: the encoder; nil if the whole tower is trained.
  /// - Throws: `TorchError` if the weights cannot be packed.
  package func frozenEncoder() throws -> FrozenEncoder? {
    guard !configuration.model.method.traits.ignoresTower else { return nil }
    for module in tower.frozenModules(tuned: tuning) { module.train(false) }
    let part = try tower.frozenPart(tuned: tuning, for: device == .cpu ? precision : nil)
    return part.map {
      FrozenEncoder(
        $0, normalization, dense: model.configuration.dense, layers: model.towerLayers, precision: precision,
        device: device)
    }
  }

  /// Makes an encoder of the whole tower with its present weights, in the run's precision.
  ///
  /// - Returns: the encoder; later changes of the weights do not reach it.
  /// - Throws: `TorchError` if the weights cannot be packed or memory is short.
  func pretrainedEncoder() throws -> FrozenEncoder {
    let part = FrozenPart(
      tower: device == .cpu ? try tower.compiled(for: precision) : try tower.copied())
    return FrozenEncoder(
      part, normalization, dense: model.configuration.dense, layers: model.towerLayers, precision: precision,
      device: device)
  }

  /// Compiles the system for inference; later changes of the weights do not reach the result.
  ///
  /// On the CPU the tower and the head are compiled. On other devices they are modules with copies
  /// of the weights, and autocast sets the precision.
  ///
  /// - Parameter precision: the arithmetic; nil for the run's own.
  /// - Returns: the compiled system.
  /// - Throws: `TorchError` if the weights cannot be packed, `RunError.integersOffCPU` for `int8`
  ///   on a device other than the CPU.
  package func compiled(for precision: Precision? = nil) throws -> CompiledSystem {
    let precision = precision ?? self.precision
    guard device == .cpu || precision != .int8 else { throw RunError.integersOffCPU }
    let copy = try Self.model(configuration, tower, model.text, textEncoder)
    try copy.move(to: device)
    let isCompiled = device == .cpu
    return CompiledSystem(
      tower: isCompiled ? try tower.compiled(for: precision) : try tower.copied(),
      model: try CompiledModel(model, copy: copy, for: isCompiled ? precision : nil), normalization,
      precision: precision, device: device, intervenes: intervenes)
  }

  /// Sets whether inference intervenes with the weights of an epoch, counted from 0.
  func setIntervention(ofEpoch epoch: Int) {
    let method = model.method
    intervenes =
      !configuration.model.method.traits.intervenes
      || method.intervenes(inEpoch: epoch, of: configuration.plannedEpochs)
  }

  /// Segments a batch.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of all images from the system's `FrozenEncoder`; nil runs the
  ///     uncompiled tower.
  ///   - pass: the training step, if any, and the adjustment.
  ///   - restyling: changes inside the tower; nil for none. Cached features do not know them.
  ///   - completed: adds the rows of other processes between the tower and the method.
  /// - Returns: the logits and the tensors for the losses.
  /// - Throws: `TorchError` if the shapes do not fit.
  func callAsFunction(
    _ images: Tensor, cached: FrozenFeatures? = nil, _ pass: ForwardPass = ForwardPass(),
    restyling: Restyling?,
    completed: (Tensor, EncodedImages) throws -> (Tensor, EncodedImages) = { ($0, $1) }
  ) throws -> SegmentationOutput {
    try autocast(to: precision.autocastType, on: device) {
      let pixels = try normalization(images)
      let (all, encoded) = try completed(pixels, encode(pixels, cached, restyling))
      return try model(images: all, encoded: encoded, pass.inferring(intervening: intervenes))
    }
  }

  /// Segments a batch.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of all images from the system's `FrozenEncoder`; nil runs the
  ///     uncompiled tower.
  ///   - pass: the training step, if any, and the adjustment.
  /// - Returns: the logits and the tensors for the losses.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func callAsFunction(
    _ images: Tensor, cached: FrozenFeatures? = nil, _ pass: ForwardPass = ForwardPass()
  ) throws -> SegmentationOutput { try self(images, cached: cached, pass, restyling: nil) }

  /// Returns a copy of the tower, in evaluation mode, and images as it reads them.
  func copiedTower(for images: Tensor) throws -> (tower: ImageTower, pixels: Tensor) {
    (try tower.copied(), try normalization(images))
  }

  /// Computes the lesion probabilities of a batch, float32 B×K×S×S, on the CPU, without gradients.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of all images from the system's `FrozenEncoder`; nil runs the
  ///     uncompiled tower.
  /// - Returns: probabilities from 0 to 1.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func probabilities(_ images: Tensor, cached: FrozenFeatures? = nil) throws -> Tensor {
    try inferenceMode { try self(images, cached: cached).logits.to(.float32).sigmoid().to(.cpu) }
  }

  /// Computes the image tower's outputs for a batch of B×3×S×S from 0 to 1.
  ///
  /// - Parameters:
  ///   - images: the batch.
  ///   - cached: the features of all images from the system's `FrozenEncoder`; nil runs the
  ///     uncompiled tower.
  /// - Returns: dense features, image embedding, layer outputs.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func encoded(_ images: Tensor, cached: FrozenFeatures? = nil) throws -> EncodedImages {
    try autocast(to: precision.autocastType, on: device) { try encode(normalization(images), cached) }
  }

  private func encode(
    _ pixels: Tensor, _ cached: FrozenFeatures?, _ restyling: Restyling? = nil
  ) throws -> EncodedImages {
    guard !configuration.model.method.traits.ignoresTower else {
      return try .empty(for: pixels, width: model.text.classes.size(1))
    }
    let (dense, layers) = (model.configuration.dense, model.towerLayers)
    if let restyling {
      let trunk = try tower.trunk(
        pixels, depth: restyling.styles.depth, hidden: layers, reading: FeatureReading(named: dense).layers)
      let changed = try restyling.styles.applying(restyling.changes, to: trunk)
      return try tower.encode(.trunk(changed), dense: dense, layers: layers)
    }
    guard let cached = try cached?.to(device) else {
      return try tower.encode(pixels, dense: dense, layers: layers)
    }
    return try tower.encode(cached, dense: dense, layers: layers)
  }
}
