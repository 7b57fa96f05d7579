import Datasets
import Foundation
import Metrics
import Statistics
import Storage
import Torch

/// Measures how far the predictions of a run can be trusted, on its source sites alone.
///
/// Each number is measured on a source site by what the other source sites say. The network itself
/// was trained on images of all of them, so the numbers describe new patients of known hospitals,
/// and the changed copies of their images, better than a new hospital.
package struct CertaintyFit {
  /// The progress: the number of finished and of all predictions.
  package typealias Progress = @Sendable (_ done: Int, _ total: Int) -> Void

  /// The most training images of a site whose features are kept.
  static let mostKnown = 400
  /// The most validation images of a site that junk is made from.
  static let mostJunk = 24

  private let run: Run
  private let predictor: Predictor
  private let sites: [String]
  private let split: (training: [Sample], validation: [Sample])

  /// Prepares the measurement.
  ///
  /// - Parameters:
  ///   - run: a finished run.
  ///   - predictor: predicts without a calibration.
  ///   - catalog: the sites that the run was trained on.
  /// - Throws: `CalibrationError.noValidation` or `.severalClasses`, `RunError.otherData` if a source
  ///   site has other images than in training, or an error that names the missing site.
  package init(_ run: Run, _ predictor: Predictor, catalog: SiteCatalog) throws {
    (self.run, self.predictor) = (run, predictor)
    guard !run.configuration.segmentsClasses else { throw run.uncalibrated }
    sites = run.configuration.sources
    split = try run.division(of: catalog)
    guard !split.validation.isEmpty else { throw CalibrationError.noValidation(run.folder.url) }
  }

  /// Measures everything and writes it into the run folder.
  ///
  /// - Parameters:
  ///   - quantile: the share of validation images of left-out source sites that is not warned of.
  ///   - folds: the errors of folds at the sites that they held out; nil corrects nothing.
  ///   - report: called after each prediction.
  /// - Returns: the calibration.
  /// - Throws: `CalibrationError`, or an error that names a file.
  package func write(
    quantile: Double, folds: FoldErrors? = nil, _ report: @escaping Progress = { _, _ in }
  ) throws -> Calibration {
    let folder = run.folder
    let model = try folder.modelHash()
    let pseudo = Predictor.PseudoSites(run)
    let copies = pseudo == nil ? 0 : Predictor.PseudoSites.variants
    let known = sites.flatMap { site in
      Self.spaced(split.training.filter { $0.site == site }, Self.mostKnown)
    }
    let junk = sites.flatMap { site in
      Self.spaced(split.validation.filter { $0.site == site }, Self.mostJunk)
    }
    // The approximation is of the head of one model.
    let hasHead = !run.configuration.model.method.traits.replacesHead && predictor.models.count == 1
    let passes = hasHead ? 2 : 0
    let total = split.validation.count * (1 + copies + passes) + known.count + junk.count
    let done = Tally()
    let step: @Sendable () -> Void = { report(done.add(), total) }

    let observations = try observations(pseudo, copies: copies, step)
    let pictures = try FamiliarityFit.Pictures(
      known: features(of: known, step), junk: features(of: junk, isJunk: true, step))
    let found = try FamiliarityFit(observations, pictures, quantile: quantile).best
    let scalings = try Scalings(observations, of: run)
    let laplace =
      hasHead
      ? try LaplaceFit(predictor, split.validation, scalings.sites).fitted(step) : nil
    let uncertainty = UncertaintyChoice(observations, scalings, laplace)
    let calibration = Calibration(
      model: model, inference: predictor.inference, precision: predictor.precision,
      images: split.validation.count, scaling: scalings.all, uncertainty: uncertainty.best,
      laplace: laplace?.stored, familiarity: found?.familiarity.rule,
      dice: try DiceEstimator(scalings.examples(observations, distances: found?.distances)),
      folds: folds, sites: uncertainty.scores, notes: notes(pseudo != nil, folds))
    // The rule comes last, because it makes the features a part of the run. An earlier rule must not
    // stand beside them.
    if FileManager.default.fileExists(atPath: folder.calibrationFile.path) {
      try FileManager.default.removeItem(at: folder.calibrationFile)
    }
    if let familiarity = found?.familiarity {
      try familiarity.write(to: folder.familiarityFile, model: model)
    }
    try folder.write(calibration, to: folder.calibrationFile)
    return calibration
  }

  /// The limits in words.
  private func notes(_ hasPseudoSites: Bool, _ folds: FoldErrors?) -> [String] {
    let known = Set(split.validation.map(\.site))
    var found = folds?.notes ?? []
    if known.count < 2 {
      let unknown = folds == nil ? ": the errors at a new hospital are unknown" : ""
      found.append("validation images come from one site, so nothing was left out\(unknown)")
    } else if known.count < 4 {
      found.append("only \(known.count) sites were left out in turn, so errors are rough")
    }
    if !hasPseudoSites {
      found.append(
        "no confounder with a mechanism leaves masks as they are, so no changed images stand for other hospitals"
      )
    }
    return found
  }

  private func observations(
    _ pseudo: Predictor.PseudoSites?, copies: Int, _ step: @escaping @Sendable () -> Void
  ) throws -> [Observation] {
    let (samples, predictor) = (split.validation, predictor)
    return try concurrentMap(count: samples.count * (1 + copies), on: predictor.device) { index in
      let (place, variant) = (index / (1 + copies), index % (1 + copies))
      let change = variant == 0 ? nil : pseudo?.change(variant, place: place, of: samples[place])
      let found = try predictor.observation(samples[place], variant: variant, changing: change)
      step()
      return found
    }
  }

  private func features(
    of samples: [Sample], isJunk: Bool = false, _ step: @escaping @Sendable () -> Void
  ) throws -> [FamiliarityFit.Picture] {
    let (predictor, seed) = (predictor, run.configuration.seed)
    return try concurrentMap(count: samples.count, on: predictor.device) { index in
      let sample = samples[index]
      let make: (Tensor) throws -> [Tensor] = {
        try Junk.pictures($0, Generator(seed: seed, for: "junk", sample.site, sample.id))
      }
      let found = try predictor.pooled(sample, junk: isJunk ? make : nil)
      step()
      return found.map { FamiliarityFit.Picture(site: sample.site, pooled: $0) }
    }.flatMap { $0 }
  }

  /// Returns at most `most` samples, evenly spaced in their order.
  static func spaced(_ samples: [Sample], _ most: Int) -> [Sample] {
    guard samples.count > most else { return samples }
    return (0..<most).map { samples[$0 * samples.count / most] }
  }
}

/// The scalings of logits, of all source sites and without each.
struct Scalings {
  /// The scaling of all sites.
  let all: LogitScaling
  /// The scaling of the other sites, by the left-out site; with one site its own.
  let sites: [String: LogitScaling]

  /// Fits scalings to the images as they are.
  ///
  /// - Throws: `CalibrationError.noLesion`.
  init(_ observations: [Observation], of run: Run) throws {
    let own = Self.counts(observations)
    let total = Self.sum(own.values)
    guard total.positives.contains(where: { $0 > 0 }), total.negatives.contains(where: { $0 > 0 }) else {
      throw CalibrationError.noLesion(run.folder.url)
    }
    let whole = Self.fitted(total)
    all = whole
    sites = Dictionary(
      uniqueKeysWithValues: own.keys.map { name in
        let others = own.filter { $0.key != name }
        return (name, others.isEmpty ? whole : Self.fitted(Self.sum(others.values)))
      })
  }

  /// The pixels of each site, of its images as they are.
  static func counts(_ observations: [Observation]) -> [String: LogitCounts] {
    observations.filter { $0.variant == 0 }.reduce(into: [:]) { found, observation in
      found[observation.site, default: LogitCounts()].merge(observation.lesion)
    }
  }

  static func sum(_ counts: some Sequence<LogitCounts>) -> LogitCounts {
    counts.reduce(into: LogitCounts()) { $0.merge($1) }
  }

  static func fitted(_ counts: LogitCounts) -> LogitScaling {
    LogitScaling.fitted(
      logits: LogitCounts.logits, positives: counts.positives, negatives: counts.negatives)
  }

  /// Makes examples of predictions: their cues by what the other sites say, with their true Dice.
  ///
  /// - Parameters:
  ///   - observations: the predictions.
  ///   - distances: the distance of each in units of the threshold; nil if it is not measured.
  /// - Returns: the examples, in the order of the predictions.
  func examples(_ observations: [Observation], distances: [Double?]?) -> [DiceEstimator.Example] {
    observations.enumerated().map { index, observation in
      DiceEstimator.Example(
        site: observation.site, variant: observation.variant,
        cues: CertaintyModel.cues(
          observation.marked, isEmpty: observation.isEmpty, sites[observation.site] ?? all,
          agreement: observation.agreement, distance: distances?[index]), dice: observation.dice)
    }
  }
}
