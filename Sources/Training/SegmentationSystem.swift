import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import Torch

/// An image tower and the method after it: what is trained, stored and used.
package final class SegmentationSystem: Module {
  @Child private var towerModule: Module
  /// The method after the tower.
  @Child package var model: SegmentationModel
  private let tower: any ImageEncoder
  private var mean: Tensor
  private var deviation: Tensor
  private let tuning: Tuning
  private var precision: Precision
  private var frozenText: String?
  private let preparation = NSLock()
  private var isPrepared = false
  /// Where it computes; batches are moved there.
  package private(set) var device = Device.cpu

  /// Joins the parts.
  ///
  /// - Parameters:
  ///   - tower: the image tower.
  ///   - mean: CLIP's pixel means, red, green, blue.
  ///   - deviation: CLIP's pixel deviations.
  ///   - text: the embedded prompts.
  ///   - textEncoder: the text tower, for methods that learn prompts.
  ///   - configuration: the settings.
  /// - Throws: `TorchError` for settings that are not possible.
  package init(
    tower: any ImageEncoder, mean: [Double], deviation: [Double], text: TextEmbeddings,
    textEncoder: TextEncoder? = nil, configuration: RunConfiguration
  ) throws {
    self.tower = tower
    self.mean = try Tensor(mean.map(Float.init), shape: [1, 3, 1, 1])
    self.deviation = try Tensor(deviation.map(Float.init), shape: [1, 3, 1, 1])
    tuning = configuration.tune
    precision = configuration.precision
    let model = try SegmentationModel(
      configuration.model, text: text, textEncoder: textEncoder, towerWidths: tower.hiddenWidths,
      gridStride: tower.gridStride,
      siteCount: configuration.sources.isEmpty ? nil : configuration.sources.count, seed: configuration.seed)
    _towerModule = Child("tower", tower)
    _model = Child("model", model)
    super.init()
  }

  /// The parameters that are trained, in groups with rates of their own.
  package func parameterGroups(_ optimizer: OptimizerConfiguration) throws -> [ParameterGroup] {
    for parameter in tower.parameters() { try parameter.tensor.requireGradient(false) }
    let tuned = try tower.parameters(tuned: tuning)
    let head = ParameterGroup(
      name: "model", parameters: model.parameters(), learningRate: optimizer.learningRate,
      weightDecay: optimizer.weightDecay)
    guard !tuned.isEmpty else { return [head] }
    return [
      head,
      ParameterGroup(
        name: "tower", parameters: tuned, learningRate: optimizer.towerLearningRate,
        weightDecay: optimizer.weightDecay),
    ]
  }

  /// Switches between training and evaluation; what of the tower is not trained stays in evaluation.
  package override func train(_ value: Bool = true) {
    super.train(value)
    for module in tower.frozenModules(tuned: tuning) { module.train(false) }
  }

  /// The image tower's parameters that are not trained, by their keys in `state()`.
  ///
  /// - Throws: `TorchError` when more layers are to be trained than there are.
  func frozenWeights() throws -> [String: Tensor] {
    let tuned = Set(try tower.parameters(tuned: tuning).map(\.key))
    return Dictionary(
      uniqueKeysWithValues: tower.parameters().filter { !tuned.contains($0.key) }
        .map { ("tower." + $0.key, $0.tensor) })
  }

  /// A hash of `frozenWeights`, found once.
  ///
  /// - Throws: `TorchError` when weights cannot be read.
  func frozenWeightsHash() throws -> String {
    if let frozenText { return frozenText }
    let text = try ContentHash(of: frozenWeights()).text
    frozenText = text
    return text
  }

  /// A hash of what the frozen part's features follow from beside the pixels: weights, extractor, layers, precision.
  ///
  /// - Throws: `TorchError` when weights cannot be read.
  func frozenHash() throws -> ContentHash {
    var hash = ContentHash()
    hash.combine(
      "\(tuning) \(precision.rawValue) \(model.configuration.dense) \(model.towerLayers) \(device.kind)")
    // Counted up when what the frozen part computes changes in its last bits: 2, attention by a kernel of this package.
    hash.combine("arithmetic 2")
    hash.combine("laid out, \(Machine.libtorchVersion) \(Machine.cpuCapability) \(Machine.hasOneDNN)")
    // Which way products go depends on what the processor can do.
    hash.combine(Machine.processorFeatures.sorted().joined(separator: " "))
    hash.combine(tower.geometry)
    let tuned = Set(try tower.parameters(tuned: tuning).map(\.key))
    hash.combine(try ContentHash(of: tower.state().filter { !tuned.contains($0.key) }))
    for tensor in [mean, deviation] { try tensor.withBytes { hash.combine($0) } }
    return hash
  }

  /// Moves everything that computing needs to a device.
  package override func move(to device: Device) throws {
    guard device != self.device else { return }
    try super.move(to: device)
    mean = try mean.to(device)
    deviation = try deviation.to(device)
    self.device = device
  }

  /// Lays the image tower's weights out for inference in one arithmetic, which then holds for the head, too.
  ///
  /// So are the head's convolutions; the intervention keeps its weights as they are. On other devices than the CPU only the
  /// arithmetic changes, and the weights stay.
  package override func prepare(for precision: Precision, keepingWeights: Bool) throws {
    guard device == .cpu else {
      guard precision != .int8 else {
        throw RunError.integersOffCPU
      }
      self.precision = precision
      return
    }
    self.precision = precision
    try preparation.withLock {
      try towerModule.prepare(for: precision, keepingWeights: keepingWeights)
      try model.prepare(for: precision, keepingWeights: keepingWeights)
      if !keepingWeights { try copyWeights() }
      isPrepared = true
    }
  }

  /// Lays out the part of the image tower that is not trained, in the run's arithmetic, before it is first used.
  ///
  /// Its weights must be what they shall be by then. On other devices than the CPU there is nothing to lay out.
  private func prepareFrozenPart() throws {
    try preparation.withLock {
      guard !isPrepared, device == .cpu else { return }
      for module in tower.frozenModules(tuned: tuning) { try module.prepare(for: precision) }
      isPrepared = true
    }
  }

  /// Mean Dice over images at the network's size, threshold 0.5; two empty masks count 1.
  ///
  /// - Parameters:
  ///   - bank: the images.
  ///   - batchSize: images a pass.
  ///   - features: what the tower makes of them, when it was kept.
  /// - Returns: the mean.
  /// - Throws: an error that names an image that cannot be read, or `TorchError`.
  func meanDice(_ bank: SampleBank, batchSize: Int, features: FeatureStore? = nil) throws -> Double {
    var total = 0.0
    for start in stride(from: 0, to: bank.samples.count, by: batchSize) {
      let rows = Array(start..<min(bank.samples.count, start + batchSize))
      let (images, masks) = try bank.batch(rows)
      let cached = try features?.cached(rows.map { bank.samples[$0] })
      let predicted = try probabilities(images, cached: cached).atLeast(0.5).to(.float32)
      let overlap = try (predicted * masks).sum([1, 2, 3]).doubles()
      let sizes = try (predicted.sum([1, 2, 3]) + masks.sum([1, 2, 3])).doubles()
      total += zip(overlap, sizes).reduce(0) { $0 + ($1.1 == 0 ? 1 : 2 * $1.0 / $1.1) }
    }
    return total / Double(bank.samples.count)
  }

  /// Segments a batch.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: cached features of the frozen layers for them, or for the leading rows; the tower runs on the others.
  ///   - pass: the step of training, if any, and the adjustment.
  /// - Returns: logits and what the losses need.
  /// - Throws: `TorchError` when shapes do not fit.
  package func callAsFunction(
    _ images: Tensor, cached: FrozenFeatures? = nil, _ pass: ForwardPass = ForwardPass()
  ) throws -> SegmentationOutput {
    try autocast(to: precision.autocastType, on: device) {
      let pixels = try normalized(images)
      return try model(images: pixels, encoded: encode(pixels, cached), pass)
    }
  }

  /// Lesion probabilities of a batch, float32 B×1×S×S, on the CPU; nothing is recorded for gradients.
  package func probabilities(
    _ images: Tensor, cached: FrozenFeatures? = nil, _ pass: ForwardPass = ForwardPass()
  ) throws -> Tensor {
    try inferenceMode { try self(images, cached: cached, pass).logits.to(.float32).sigmoid().to(.cpu) }
  }

  /// What the image tower makes of a batch of B×3×S×S from 0 to 1.
  ///
  /// - Parameters:
  ///   - images: the batch.
  ///   - cached: cached features of the frozen layers for them, or for the leading rows.
  /// - Returns: dense features, image embedding, layer outputs.
  /// - Throws: `TorchError` when shapes do not fit.
  package func encoded(_ images: Tensor, cached: FrozenFeatures? = nil) throws -> EncodedImages {
    try autocast(to: precision.autocastType, on: device) { try encode(normalized(images), cached) }
  }

  /// What the part of the image tower that is not trained makes of a batch of B×3×S×S from 0 to 1.
  ///
  /// - Parameter images: the batch.
  /// - Returns: what training goes on from, without gradients.
  /// - Throws: `RunError.nothingFrozen` when all of the tower is trained, `TorchError` when shapes do not fit.
  package func frozen(_ images: Tensor) throws -> FrozenFeatures {
    guard tuning != .all else {
      throw RunError.nothingFrozen
    }
    return try autocast(to: precision.autocastType, on: device) { try frozen(pixels: normalized(images)) }
  }

  /// The representation of a batch before the head, on the CPU, without gradients.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: cached features of the frozen layers for them, or for the leading rows; the tower runs on the others.
  ///   - pass: the adjustment, where it is another than the model was trained with.
  /// - Returns: F, F_ca and the attention, float32.
  /// - Throws: `TorchError` when shapes do not fit.
  package func representation(
    _ images: Tensor, cached: FrozenFeatures? = nil, _ pass: ForwardPass = ForwardPass()
  ) throws -> Representation {
    try inferenceMode {
      try autocast(to: precision.autocastType, on: device) {
        try model.method.represent(encode(normalized(images), cached), pass)
      }.map { try $0.to(.float32).to(.cpu) }
    }
  }

  /// S^ of a batch, float32 B×h×w, on the CPU; nothing is recorded for gradients.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: cached features of the frozen layers for them, or for the leading rows; the tower runs on the others.
  /// - Returns: the score of every position.
  /// - Throws: `TorchError` when shapes do not fit.
  package func regionScore(_ images: Tensor, cached: FrozenFeatures? = nil) throws -> Tensor {
    try inferenceMode {
      try autocast(to: precision.autocastType, on: device) {
        try model.regionScore(encode(normalized(images), cached))
      }.to(.float32).to(.cpu)
    }
  }

  /// Writes all weights and the embedded prompts.
  ///
  /// - Throws: `FileError` that names the file.
  func saveWeights(to file: URL) throws {
    let tensors = state().merging(model.text.tensors) { first, _ in first }
    try SafetensorsFile.write(tensors, metadata: ["format": "mcdrl-run"], to: file)
  }

  private func normalized(_ images: Tensor) throws -> Tensor {
    try (images.to(device) - mean) / deviation
  }

  private func encode(_ pixels: Tensor, _ cached: FrozenFeatures?) throws -> EncodedImages {
    try tower.encode(
      complete(pixels, cached), dense: model.configuration.dense, layers: model.towerLayers)
  }

  /// What the frozen part makes of all images, of which the first rows may be kept.
  private func complete(_ pixels: Tensor, _ cached: FrozenFeatures?) throws -> FrozenFeatures {
    guard let cached = try cached?.to(device) else { return try frozen(pixels: pixels) }
    let (count, known) = (try pixels.size(0), try cached.tensors[0].size(0))
    guard known < count else { return cached }
    return try cached.joined(
      with: frozen(pixels: pixels.narrowed(dim: 0, start: known, length: count - known)))
  }

  private func frozen(pixels: Tensor) throws -> FrozenFeatures {
    try prepareFrozenPart()
    func pass() throws -> FrozenFeatures {
      try tower.frozen(
        pixels, tuned: tuning, dense: model.configuration.dense, layers: model.towerLayers)
    }
    return tuning == .all ? try pass() : try withoutGradients(pass)
  }
}
