import Confounders
import Foundation
import Metrics
import Segmentation
import Studies
import Torch
import Training

/// Explains a trained model on an image.
///
/// It shows the attention, the selected regions, and the effect of an applied confounder.
/// Everything is measured in one pass at S×S, the input size of the network, also if the run's
/// masks are a mean of several passes. The value is immutable, and several threads may share it.
package struct Explainer: Sendable {
  /// The settings of an explanation.
  package struct Options: Sendable {
    /// The strengths of the applied confounders, in increasing order.
    package var strengths = [0.25, 0.5, 0.75, 1]
    /// The applied confounders, by name; nil for all with a mechanism, empty for no sweep.
    package var sweep: [String]?
    /// The number of attention maps; they show the confounders with the highest attention.
    package var attentionMaps = 2
    /// The longer side of the pictures, in pixels.
    package var pictureSize = 320
    /// The seed of the places where mechanisms draw.
    package var seed: UInt64 = 0

    /// Makes the defaults.
    package init() {}
  }

  /// The temperature of the zero-shot posterior softmax(cos(image, z) / temperature).
  ///
  /// It is the same for an estimated prior.
  package static let temperature = 0.01

  /// The settings.
  package let options: Options
  /// The dictionary.
  package let confounders: [Explanation.Confounder]
  /// Computes the masks, as for `predict`.
  let predictor: Predictor
  var system: CompiledSystem { predictor.system }
  var configuration: RunConfiguration { predictor.configuration }
  let interventions: Interventions
  let swept: [Int]

  /// Loads a trained run.
  ///
  /// - Parameters:
  ///   - run: its folder.
  ///   - predictor: a predictor of the run; it determines device, precision and decoding.
  ///   - options: the settings.
  /// - Throws: an error that names the file of the run that cannot be used, or the confounder that
  ///   cannot be applied.
  package init(
    _ run: Run, with predictor: Predictor, options: Options = Options()
  ) throws {
    guard predictor.memberCount == 1 else {
      throw ExplainingError.severalModels(count: predictor.memberCount)
    }
    let (prompts, file) = (run.prompts, run.folder.promptsFile)
    guard try ClipDescription(run.folder).hasWords else { throw ExplainingError.noWords(run.folder.url) }
    let count = try predictor.system.text.confounders.size(0)
    guard prompts.confounders.count == count else {
      throw ExplainingError.otherPrompts(file, found: prompts.confounders.count, wanted: count)
    }
    try self.init(predictor, prompts: prompts, promptsFile: file, options: options)
  }

  /// Makes an explainer from its parts.
  ///
  /// - Parameters:
  ///   - predictor: a predictor of a trained run.
  ///   - prompts: its prompts, with the mechanisms.
  ///   - promptsFile: the file of the prompts, for messages.
  ///   - options: the settings of the explanation.
  /// - Throws: `ExplainingError` that names a confounder that cannot be applied, or for a run of
  ///   several classes.
  package init(
    _ predictor: Predictor, prompts: PromptSet,
    promptsFile: URL? = nil, options: Options = Options()
  ) throws {
    guard !predictor.configuration.segmentsClasses else {
      throw ExplainingError.severalClasses(predictor.configuration.classes)
    }
    self.predictor = predictor
    self.options = options
    confounders = prompts.groups.flatMap { group in
      group.confounders.map {
        Explanation.Confounder(
          name: $0.name, group: group.name, mechanism: $0.mechanism?.rawValue,
          movesPixels: $0.mechanism?.movesPixels == true)
      }
    }
    let interventions = Interventions(prompts)
    let available = interventions.available
    let known = available.map { interventions.names[$0] }
    if options.sweep?.isEmpty != true, available.isEmpty {
      throw ExplainingError.noMechanisms(promptsFile)
    }
    swept =
      try options.sweep.map { names in
        try names.map { name in
          guard let index = available.first(where: { interventions.names[$0] == name }) else {
            throw ExplainingError.unknownConfounder(promptsFile, name: name, known: known)
          }
          return index
        }
      } ?? available
    self.interventions = interventions
  }

  /// Returns the description of the model for the document.
  ///
  /// - Parameter run: the name of the run.
  /// - Returns: its method and settings.
  package func model(run: String) -> Explanation.Model {
    Explanation.Model(
      run: run, method: system.method.label, seed: configuration.seed, intervenes: intervenes,
      selectsRegions: traits.selectsRegions, adjustment: traits.adjustment?.rawValue,
      dictionary: traits.intervenes ? traits.dictionary.rawValue : nil,
      imageSize: configuration.imageSize, precision: predictor.precision.rawValue,
      decoding: predictor.decoding.rawValue, threshold: predictor.threshold,
      passes: configuration.inference.passes)
  }

  /// Whether the weights of the confounders depend on the image.
  package var attends: Bool { traits.attends && intervenes }

  /// Whether the model intervenes; its weights may come from an epoch before that starts.
  var intervenes: Bool { traits.intervenes && system.intervenes }

  /// The traits of the method.
  var traits: MethodTraits { configuration.model.method.traits }

  /// Explains one image.
  ///
  /// - Parameter input: the image.
  /// - Returns: the results, the maps and pictures, and the means for `spread`.
  /// - Throws: an error that names the file.
  package func explain(
    _ input: ExplanationInput
  ) throws -> (image: ExplainedImage, maps: ExplanationMaps, means: PooledFeatures) {
    let read = try predictor.read(input.source, keepingPicture: true)
    let original = try read.picture ?? configuration.reader.image(input.image)
    let (height, width) = (read.height, read.width)
    let pixels = try (read.image.to(.float32) / 255).expandedDimension(0)
    let reference = try input.sample.flatMap {
      try configuration.reader.mask(of: $0, imageSize: [height, width])
    }
    let seen = try look(pixels, comparing: true)
    let mask = try seen.mask(predictor.rule)
    let steps = try swept.flatMap { try self.steps($0, input.name, pixels, mask, seen) }
    let means = PooledFeatures(
      observed: try seen.observed.selected(dim: 0, index: 0),
      intervened: try seen.intervened?.selected(dim: 0, index: 0))

    let attention = attends ? seen.attention : nil
    let small = try reference.map { try configuration.reader.scaled(mask: $0, in: read.frame) }
    let cosine = try seen.cosine.doubles()
    let off = try seen.off.map { off in
      let other = try predictor.rule.mask(off)
      return try ExplainedImage.Off(dice: Overlaps(other, mask).dice[0], lesionShare: Self.share(other))
    }
    let image = try ExplainedImage(
      name: input.name, file: input.image.path, group: input.sample?.group ?? input.name,
      lesionClass: input.sample?.lesionClass, width: width, height: height, lesionShare: Self.share(mask),
      attention: attention?.mean([0, 1]).doubles(), attentionLow: attention?.min([0, 1]).doubles(),
      attentionHigh: attention?.max([0, 1]).doubles(),
      zeroShot: (seen.cosine / Self.temperature).softmax(dim: -1).doubles(), cosine: cosine,
      evidence: attends ? evidence(seen.cosine) : nil, truth: input.truth, off: off,
      diceWithReference: small.map { try Overlaps($0.reshaped(mask.shape), mask).dice[0] },
      regionAUC: small.flatMap { try regionArea(seen.score, $0) }, steps: steps)
    let maps = try maps(
      Drawing(
        input: input, original: read.frame.shown(original), pixels: pixels, seen: seen, mask: mask,
        reference: reference.map(read.frame.shown), image: image))
    return (image, maps, means)
  }

  /// F and F_ca of an image, each the mean over its positions.
  package struct PooledFeatures: Sendable {
    /// The mean of F, d.
    let observed: Tensor
    /// The mean of F_ca, d; nil without an intervention.
    let intervened: Tensor?
  }

  /// Computes the spread of explained images.
  ///
  /// - Parameter pooled: the means of each image.
  /// - Returns: the spread; nil values for fewer than two images.
  /// - Throws: `TorchError` if memory is short.
  package static func spread(of pooled: [PooledFeatures]) throws -> Explanation.Spread {
    func root(_ rows: [Tensor]) throws -> Double? {
      guard rows.count > 1 else { return nil }
      return try Tensor.stacked(rows).to(.float64).variance([0], correction: 0).sum().item().squareRoot()
    }
    return Explanation.Spread(
      observed: try root(pooled.map(\.observed)), intervened: try root(pooled.compactMap(\.intervened)))
  }

  /// Applies one confounder at every strength; with the same seed it has the same place at each.
  private func steps(
    _ index: Int, _ name: String, _ pixels: Tensor, _ mask: Tensor, _ seen: Seen
  ) throws -> [ExplainedImage.Step] {
    let done = try options.strengths.map { try doing(index, $0, name, pixels, mask) }
    guard !done.isEmpty else { return [] }
    let changed = try look(.concatenated(done.map(\.images), dim: 0))
    let predicted = try changed.mask(predictor.rule)
    let before = try Tensor.concatenated(done.map(\.masks), dim: 0).atLeast(0.5)
    let overlaps = try Overlaps(predicted, before)
    let (shares, sharesBefore) = (try Self.shares(predicted), try Self.shares(before))
    let observed = try Shift(from: seen.observed, to: changed.observed)
    let intervened = try seen.intervened.flatMap { from in
      try changed.intervened.map { try Shift(from: from, to: $0) }
    }
    let attention = attends ? try changed.attention?.mean([1]).selected(dim: 1, index: index).doubles() : nil
    return options.strengths.enumerated().map { row, strength in
      ExplainedImage.Step(
        confounder: confounders[index].name, strength: strength, dice: overlaps.dice[row],
        iou: overlaps.iou[row],
        lesionShare: shares[row], lesionShareBefore: sharesBefore[row], shift: observed.angles[row],
        shiftIntervened: intervened?.angles[row], distance: observed.distances[row],
        distanceIntervened: intervened?.distances[row], attention: attention?[row])
    }
  }

  /// Returns the image with an applied confounder, and the mask moved with it.
  func doing(
    _ index: Int, _ strength: Double, _ name: String, _ pixels: Tensor, _ mask: Tensor
  ) throws -> Pictures {
    try interventions.doing(
      index, strength: strength, images: pixels, masks: mask.to(.float32),
      generator: Generator(seed: options.seed, for: "explain", confounders[index].name, name))
  }

  /// Computes the attention from the model's own evidence term alone, M.
  private func evidence(_ cosine: Tensor) throws -> [Double]? {
    try withoutGradients { try system.method.evidence(cosine)?.doubles() }
  }

  /// Computes the AUC of the region score for the lesion; nil without one.
  private func regionArea(_ score: Tensor, _ reference: Tensor) throws -> Double? {
    let shape = try score.sizes(rank: 3, "the score")
    let size = configuration.imageSize
    let large = try score.reshaped([1, 1, shape[1], shape[2]]).resized(height: size, width: size)
    let lesion: [UInt8] = try reference.to(.uint8).reshaped([-1]).array()
    return AreaUnderCurve.of(try large.reshaped([-1]).floats(), positive: lesion.map { $0 > 0 })
  }

  /// Computes the share of lesion in the image.
  static func share(_ mask: Tensor) throws -> Double { try mask.to(.float32).mean().item() }

  private static func shares(_ masks: Tensor) throws -> [Double] {
    try masks.to(.float32).mean([1, 2, 3]).doubles()
  }
}

/// The overlap of masks, B×1×S×S, row by row; two empty masks agree.
struct Overlaps {
  let dice: [Double]
  let iou: [Double]

  init(_ first: Tensor, _ second: Tensor) throws {
    func counts(_ masks: Tensor) throws -> [Double] { try masks.to(.float64).sum([1, 2, 3]).doubles() }
    let (both, one, other) = (try counts(first.and(second)), try counts(first), try counts(second))
    let sums = zip(one, other).map(+)
    dice = zip(both, sums).map { $1 == 0 ? 1 : 2 * $0 / $1 }
    iou = zip(both, sums).map { $1 == 0 ? 1 : $0 / ($1 - $0) }
  }
}

/// The change of features, row by row.
private struct Shift {
  /// 1 − cosine.
  let angles: [Double]
  /// The Euclidean distances.
  let distances: [Double]

  /// Compares one row, 1×d, with its changed versions, B×d.
  init(from first: Tensor, to second: Tensor) throws {
    angles = try (1 - (first.normalized() * second.normalized()).sum([1])).clamped(min: 0).doubles()
    distances = try (second - first).norm(dims: [1]).doubles()
  }
}
