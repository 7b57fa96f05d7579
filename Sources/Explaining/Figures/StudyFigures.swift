import Datasets
import Foundation
import Segmentation
import Storage
import Studies
import Torch
import Training

/// Computes the figures of a leave-one-site-out study from its finished runs and keeps them in its folder.
///
/// Writes `figures/features.json`, `attention.json`, `localisation.json`, `gallery.json` with JPEG files,
/// `cost.json`, `probes.json`, `adjustment.json` and `coverage.json`; a report needs no run, weight or image
/// afterwards (`StoredFigures`). A figure that is there already and was computed from the same runs is left alone.
package struct StudyFigures: Sendable {
  /// A finished run: its scores and its folder.
  package struct Run: Sendable {
    /// Site, method, seed and scores.
    package let result: FoldResult
    /// Settings and weights.
    package let run: Training.Run

    /// Joins the parts.
    package init(result: FoldResult, run: Training.Run) {
      self.result = result
      self.run = run
    }
  }

  /// How many images feature map, attention and localisation take at most, evenly from all sites.
  package var imageLimit = 1500
  /// The longer side of the gallery's pictures, pixels.
  package var pictureSize = 320
  /// How many images of each site the probes take at most.
  package var diagnosisLimit = 100
  /// How many images of each site dictionary coverage takes at most; each passes the intervention M + 1 times.
  package var coverageLimit = 30
  /// How many images of each site the adjustment takes at most; each passes the head M + 3 times.
  package var adjustmentLimit = 30
  /// Passes that are timed for the latency.
  package var latencyPasses = 21
  /// Where what frozen layers make of images is kept, as long as it is needed; nil for a folder beside the figures, removed
  /// at the end.
  package var cache: FeatureCache?
  /// Told what is being computed.
  package var progress: @Sendable (String) -> Void = { _ in }

  let folder: URL
  let catalog: SiteCatalog
  let candidate: String
  let runs: [Run]

  /// Describes a study.
  ///
  /// - Parameters:
  ///   - study: its folder; figures go into `figures` in it.
  ///   - catalog: the sites.
  ///   - candidate: the method whose representation and attention are shown, and that others are compared with.
  ///   - runs: the finished runs, in the order in which methods and seeds are to be shown.
  /// - Throws: `StudyError` when no run is of the candidate.
  package init(study: URL, catalog: SiteCatalog, candidate: String, runs: [Run]) throws {
    guard runs.contains(where: { $0.result.method == candidate }) else {
      throw StudyError.noRun(study, method: candidate)
    }
    folder = study.appendingPathComponent("figures")
    self.catalog = catalog
    self.candidate = candidate
    self.runs = runs
  }

  /// Computes and writes what is missing or was computed from other runs.
  ///
  /// - Parameter features: what the frozen layers make of the sites' images, where that is kept; nil runs the tower.
  /// - Returns: all figures of the study.
  /// - Throws: an error that names the file.
  @discardableResult
  package func compute(features: FeatureStore? = nil) throws -> StoredFigures {
    try FileManager.default.createFolder(folder)
    if let run = featureRun {
      try keep(.features, of: [run], "\(imageLimit)") { try featureFigure(run, features, fingerprint: $0) }
    }
    let own = heldOut(candidate)
    if own.first.map({ $0.run.configuration.model.method.traits.attends }) == true {
      try keep(.attention, of: own, "\(imageLimit)") { try attentionFigure(own, features, fingerprint: $0) }
    } else {
      // Of an earlier candidate.
      try? FileManager.default.removeItem(at: folder.appendingPathComponent(FigureFile.attention.rawValue))
    }
    try keep(.localisation, of: own, "\(imageLimit)") {
      try localisationFigure(own, features, fingerprint: $0)
    }
    try keep(.gallery, of: methods.flatMap(heldOut), "\(candidate) \(pictureSize)") {
      try galleryFigure(features, fingerprint: $0)
    }
    try keep(.cost, of: methods.compactMap { heldOut($0).first }, "\(latencyPasses)") {
      try costFigure(fingerprint: $0)
    }
    try diagnose(features)
    return try StoredFigures(study: folder.deletingLastPathComponent())
  }

  /// The methods, in the order in which they come.
  var methods: [String] {
    runs.reduce(into: []) { found, run in
      if !found.contains(run.result.method) { found.append(run.result.method) }
    }
  }

  /// The seed whose models are shown: the candidate's first.
  var seed: UInt64 { runs.first { $0.result.method == candidate }?.result.seed ?? 0 }

  /// For each site the run of a method that held it out, with the seed that is shown or else its first.
  func heldOut(_ method: String) -> [Run] {
    catalog.sites.compactMap { site in
      let own = runs.filter { $0.result.site == site.name && $0.result.method == method }
      return own.first { $0.result.seed == seed } ?? own.first
    }
  }

  /// The run whose representation is shown: the candidate's, the first site held out.
  private var featureRun: Run? { heldOut(candidate).first }

  /// What a file is known by that was computed before.
  private struct Known: Decodable { let fingerprint: String }

  /// Leaves a file alone that was computed from the same runs, with all pictures that belong to it, or computes it.
  func keep<Figure: Encodable>(
    _ file: FigureFile, of runs: [Run], _ settings: String, _ figure: (_ fingerprint: String) throws -> Figure
  ) throws {
    let url = folder.appendingPathComponent(file.rawValue)
    let fingerprint = try fingerprint(of: runs, "\(file.rawValue) \(settings)")
    let known = try? JSONDecoder().decode(Known.self, from: Data(contentsOf: url))
    if known?.fingerprint == fingerprint, file != .gallery || hasPictures(url) { return }
    progress("computing \(file.rawValue)")
    try AtomicFile.write(json: try figure(fingerprint), to: url)
  }

  private func hasPictures(_ url: URL) -> Bool {
    guard let figure = try? JSONDecoder().decode(GalleryFigure.self, from: Data(contentsOf: url)) else {
      return false
    }
    return figure.rows.flatMap(\.pictures).allSatisfy {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0.file).path)
    }
  }

  /// FNV-1a over what the figure is made of; scores to the last digit stand for the weights that gave them.
  private func fingerprint(of runs: [Run], _ settings: String) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var hash = StableHash()
    // Changes when figures are computed otherwise.
    hash.combine(Data("figures 1 \(settings)".utf8))
    for run in runs {
      hash.combine(try Data(file: run.run.folder.configurationFile))
      hash.combine(try Data(file: run.run.folder.fingerprintFile))
      hash.combine(try encoder.encode(run.result))
    }
    return hash.text
  }

  /// As many samples of each site as fit the limit: small sites whole, the others alike, spread over their images.
  func spread(_ sites: [[Sample]]) -> [[Sample]] {
    var taken = sites.map { _ in 0 }
    var left = imageLimit
    let order = sites.indices.sorted { (sites[$0].count, $0) < (sites[$1].count, $1) }
    for (position, site) in order.enumerated() {
      taken[site] = min(sites[site].count, left / (order.count - position))
      left -= taken[site]
    }
    return zip(sites, taken).map { samples, count in
      (0..<count).map { samples[$0 * samples.count / count] }
    }
  }

  /// What a model makes of samples before its head, a batch at a time.
  func eachRepresentation(
    _ samples: [Sample], _ system: CompiledSystem, _ reader: SampleReader, _ features: FeatureStore?,
    _ use: (Representation) throws -> Void
  ) throws {
    try eachBatch(samples, reader, features) { images, _, cached in
      try use(system.representation(images, cached: cached))
    }
  }

  /// Samples at S×S with their masks, and what the tower made of them where that is kept, a batch at a time.
  func eachBatch(
    _ samples: [Sample], _ reader: SampleReader, _ features: FeatureStore?,
    _ use: (_ images: Tensor, _ masks: Tensor, _ cached: FrozenFeatures?) throws -> Void
  ) throws {
    let bank = try SampleBank(samples, reader: reader)
    for start in stride(from: 0, to: samples.count, by: 16) {
      let rows = Array(start..<min(samples.count, start + 16))
      let batch = try bank.batch(rows)
      try use(batch.images, batch.masks, features?.cached(rows.map { samples[$0] }))
    }
  }
}

extension TrainingCurve {
  /// Reads the epochs of a run.
  ///
  /// - Throws: `FileError` or `DatasetError.badCatalog` that names the file.
  package init(_ run: StudyFigures.Run) throws {
    let epochs = try run.run.history()
    self.init(
      method: run.result.method, site: run.result.site, seed: run.result.seed,
      chosen: epochs.last { $0.best }?.epoch,
      epochs: epochs.map {
        Epoch(number: $0.epoch, segmentation: $0.segmentation, validationDice: $0.validationDice)
      })
  }
}
