import Datasets
import Foundation
import Imaging
import Metrics
import Storage
import Torch

/// The scores of a run at a site, and those of predictors that ignore the image.
public struct Evaluation: Encodable, Sendable {
  /// The site.
  public let site: String
  /// The method's name.
  public let method: String
  /// The run's seed.
  public let seed: UInt64
  /// The rule of lesion pixels.
  public let threshold: MaskThreshold
  /// The views and scales whose mean is a prediction, and the rule of lesion pixels.
  public let inference: InferenceConfiguration
  /// The arithmetic of the predictions.
  public let precision: Precision
  /// The decoding of image files.
  public let decoding: Predictor.Decoding
  /// Whether the run was trained on none of the images.
  public let heldOut: Bool
  /// The number of images that the run was trained on.
  public let trainedCount: Int
  /// The part of the images in the training of each member; nil for a run that is no ensemble.
  public let members: [MemberPart]?
  /// Whether the site shares its name with a training site, but no image.
  ///
  /// It then counts as held out.
  public let isNamesake: Bool
  /// The part of the images in the training: `held-out`, `unseen`, `trained`, `partly-trained`,
  /// `namesake`, `test-list` or `validation`.
  public let part: String
  /// The rule that chose or averaged the stored weights, in words.
  public let selection: String
  /// The protocol of the evaluation.
  public let evaluation: EvaluationProtocol
  /// The summary of the images' scores.
  ///
  /// With several classes, an image counts once for each class.
  public let model: ScoreSummary
  /// The scores of each of several classes; nil for one class.
  public let classes: [ClassScores]?
  /// The agreement of probabilities and references.
  public let calibration: Reliability.Summary
  /// How well the run says how sure it is; nil without a calibration.
  public let certainty: CertaintyReport?
  /// The polyp protocol's table; nil if not requested.
  public let polyp: PolypProtocol.Summary?
  /// The summaries of predictors that ignore the image, by name.
  public let trivial: [String: ScoreSummary]
  /// Sentences about the predictions that a mean score hides, such as a model that marks nothing.
  public let findings: [String]
  /// The scores of each image, with several classes those of each class of an image.
  public let images: [Image]

  /// The part of the site in the training.
  package let role: SiteRole

  /// The scores of one image.
  public struct Image: Sendable {
    /// The image.
    public let sample: Sample
    /// One of several classes; nil for one class.
    public let className: String?
    /// The scores.
    public let scores: ImageScores
    /// The measures of the polyp protocol; nil if not requested.
    public let polyp: PolypProtocol.Means?
  }

  private enum CodingKeys: String, CodingKey {
    case site, method, seed, threshold, inference, precision, decoding, selection, model, calibration, polyp
    case trivial, findings, classes, members, certainty
    case evaluation = "protocol"
    case heldOut = "held_out"
    case trainedCount = "n_trained_on"
    case isNamesake = "namesake"
    case part = "role"
  }

  /// Makes a table with one row for each image: site, image, group, class and every score.
  ///
  /// - Throws: `MetricError` if a label is missing, which these rows never lack.
  package func table() throws -> PerImageTable {
    var table = PerImageTable(labels: ["site", "image", "group", "class"], evaluation: evaluation)
    for image in images {
      let sample = image.sample
      try table.append(
        [site, sample.id, sample.group, image.className ?? sample.lesionClass ?? ""],
        image.scores, polyp: image.polyp)
    }
    return table
  }
}

extension Evaluation: CustomStringConvertible {
  /// One line with the site, the number of images and the mean Dice.
  public var description: String {
    func text(_ value: Double?) -> String { value.map { NumberText.text($0, decimals: 3) } ?? "–" }
    return
      "\(method) at \(site) (\(role.text)): mean Dice \(text(model.metrics[.dice]?.mean)) over \(counted(model.count, "image")), "
      + "\(text(model.meanDiceWithLesion)) over those with a lesion"
  }
}

extension Run {
  /// The rules of an evaluation.
  public struct EvaluationRules: Sendable {
    /// The tolerance of the normalised surface Dice in pixels or, with a spacing, millimetres.
    public var tolerance = 2.0
    /// Millimetres per pixel; nil measures in pixels.
    public var spacing: PixelSpacing?
    /// The protocol of the evaluation.
    public var evaluation = EvaluationProtocol.fixedThreshold
    /// The number of images whose curves exist at a time.
    var block = 1024

    /// Makes the defaults.
    public init() {}
  }

  /// Scores the run at a site of any data set.
  ///
  /// A site outside the run's training is scored on its test images, a training site on all its
  /// images, a site of the run's test list on the listed ones.
  ///
  /// - Parameters:
  ///   - site: the site.
  ///   - predictor: computes the predictions; nil for the run's default one.
  ///   - rules: the rules of the scores.
  ///   - progress: called with the number of finished images and of all images.
  /// - Returns: the scores.
  /// - Throws: an error that names the file.
  public func evaluate(
    on site: Site, with predictor: Predictor? = nil, rules: EvaluationRules = EvaluationRules(),
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> Evaluation {
    try evaluate(on: site, as: role(of: site), with: predictor, rules: rules, progress: progress)
  }

  /// Scores the run at a site whose part in the training is known.
  ///
  /// - Parameters:
  ///   - site: the site.
  ///   - role: its part in the training.
  ///   - chosen: the images to score; nil for those that score a site of this part.
  ///   - predictor: computes the predictions; nil for the run's default one.
  ///   - rules: the rules of the scores.
  ///   - processes: the processes that share the images; all of them get the same scores.
  ///   - progress: called with the number of finished images and of all images, of this process.
  /// - Returns: the scores.
  /// - Throws: an error that names the file.
  package func evaluate(
    on site: Site, as role: SiteRole, samples chosen: [Sample]? = nil, with predictor: Predictor?,
    rules: EvaluationRules, _ processes: Processes = .alone,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
  ) throws -> Evaluation {
    let predictor = try predictor ?? self.predictor()
    let samples = chosen ?? scored(site, as: role)
    let names = configuration.maskNames
    var images: [Evaluation.Image] = []
    var (curves, ofClasses) = (try Evaluation.Curves(), try names.map { _ in try Evaluation.Curves() })
    let certainty = try predictor.assessWithCertainty(
      samples, tolerance: rules.tolerance, spacing: rules.spacing, block: rules.block, processes,
      progress: progress
    ) { found in
      let sample = samples[images.count / names.count]
      for (index, assessment) in found.enumerated() {
        try curves.add(assessment)
        if names.count > 1 { try ofClasses[index].add(assessment) }
        images.append(
          Evaluation.Image(
            sample: sample, className: names.count > 1 ? names[index] : nil, scores: assessment.scores,
            polyp: rules.evaluation == .pranet ? assessment.polyp.summary.all : nil))
      }
    }
    let ignoring = try trivial(samples, processes) { prediction, reference in
      try ImageScores(
        prediction: prediction, reference: reference, tolerance: rules.tolerance, spacing: rules.spacing)
    }
    let others = try ignoring.mapValues { try ScoreSummary(of: $0) }
    let (method, found) = (predictor.methodLabel, images.map(\.scores))
    let classes =
      try names.count < 2 ? nil : Evaluation.classes(images, ofClasses, ignoring, rules.evaluation)
    return Evaluation(
      site: site.name, method: method, seed: configuration.seed,
      threshold: predictor.threshold, inference: predictor.inference,
      precision: predictor.precision, decoding: predictor.decoding,
      heldOut: role.isUnseen, trainedCount: role.trainedCount(of: samples.count),
      members: try memberParts(in: samples, of: site),
      isNamesake: role == .namesake, part: role.word, selection: configuration.weightsRule,
      evaluation: rules.evaluation,
      model: try ScoreSummary(of: found), classes: classes,
      calibration: curves.reliability.summary, certainty: certainty,
      polyp: rules.evaluation == .pranet ? curves.polyp.summary : nil, trivial: others,
      findings: Self.findings(method, at: site.name, found, others)
        + Self.findings(method, at: site.name, images, classes ?? [])
        + (certainty == nil ? [] : Self.fitted(method, at: site.name, role)),
      images: images, role: role)
  }

  /// States that the images which score are those of the calibration.
  private static func fitted(_ method: String, at site: String, _ role: SiteRole) -> [String] {
    guard case .validation = role else { return [] }
    return [
      "\(method) at \(site): these validation images fitted the calibration, so the errors after calibration and "
        + "the expected Dice look better here than at new images"
    ]
  }

  /// States what the scores of single classes hide.
  private static func findings(
    _ method: String, at site: String, _ images: [Evaluation.Image], _ classes: [Evaluation.ClassScores]
  ) -> [String] {
    classes.flatMap { item in
      findings(
        "\(method), \(item.name),", at: site,
        images.filter { $0.className == item.name }.map(\.scores), item.trivial)
    }
  }

  private static func findings(
    _ method: String, at site: String, _ scores: [ImageScores], _ trivial: [String: ScoreSummary]
  ) -> [String] {
    guard let own = OverlapSummary(of: scores) else { return [] }
    let others = trivial.compactMapValues { summary in
      summary.metrics[.dice]?.mean.map { (dice: $0, diceWithLesion: summary.meanDiceWithLesion) }
    }
    return TrivialPredictor.findings(method, at: site, own, others)
  }

  /// Summarises predictors that do not look at the image, by name.
  ///
  /// The masks are at the images' own size.
  ///
  /// - Parameters:
  ///   - samples: the scored images, at least one.
  ///   - processes: the processes that share the images.
  /// - Returns: the scores by the name of the predictor.
  /// - Throws: an error that names the file.
  package func trivialOverlaps(
    _ samples: [Sample], _ processes: Processes = .alone
  ) throws -> [String: OverlapSummary] {
    try trivial(samples, processes) { try OverlapCounts(prediction: $0, reference: $1) }
      .compactMapValues { OverlapSummary(of: $0) }
  }

  /// Scores predictors that do not look at the image, at the images' own size.
  ///
  /// With several classes it gives the scores of each class of the first image, then of the next.
  private func trivial<Score: Codable & Sendable>(
    _ samples: [Sample], _ processes: Processes,
    _ score: @escaping @Sendable (_ prediction: BinaryMask, _ reference: BinaryMask) throws -> Score
  ) throws -> [String: [Score]] {
    let reader = configuration.reader
    let mean = try meanMask()
    let predictors = TrivialPredictor.allCases.filter { $0 != .meanMask || mean != nil }
    let predictions = try predictors.map {
      try $0.prediction(meanMask: mean ?? reader.emptyMask([reader.size, reader.size]).to(.float32))
    }
    let scores = try processes.inParts(count: samples.count) { part in
      try concurrentMap(count: part.count, threads: Machine.threads) { index in
        let sample = samples[part.lowerBound + index]
        let (shape, frame) = try reader.place(of: sample.image)
        let references = try (reader.mask(of: sample, imageSize: shape) ?? reader.emptyMask(shape))
          .maskOfEachClass().map { try BinaryMask($0) }
        return try predictions.map { prediction in
          let small = try prediction.to(.float32).reshaped([1, references.count, reader.size, reader.size])
          let full = try frame.restored(small, height: shape[0], width: shape[1]).squeezed(0).atLeast(0.5)
          return try zip(full.maskOfEachClass(), references).map { try score(BinaryMask($0), $1) }
        }
      }
    }
    return Dictionary(
      uniqueKeysWithValues: predictors.indices.map { index in
        (predictors[index].rawValue, scores.flatMap { $0[index] })
      })
  }

  /// Returns the mean of the training masks, S×S, with several classes K×S×S.
  ///
  /// It is read from the run, or computed if the training sites are available.
  private func meanMask() throws -> Tensor? {
    if let stored = try folder.meanMask() { return stored }
    guard let catalog = try? catalog(),
      let sources = try? sources(catalog), !sources.isEmpty
    else { return nil }
    return try TrivialPredictor.meanMask(
      SampleBank(split(sources).training, reader: configuration.reader, memoryLimit: 0))
  }
}
