import Datasets
import Foundation
import Metrics
import Segmentation
import Storage
import Studies
import Torch
import Training

/// Computes the figures of a leave-one-site-out study from its finished runs, and stores them.
///
/// It writes `figures/features.json`, `attention.json`, `localisation.json`, `gallery.json` with
/// JPEG files, `cost.json`, `probes.json`, `adjustment.json`, `coverage.json` and `erasure.json`
/// to the folder of the study. A report then needs no run, weight or image (`StoredFigures`). An
/// existing figure of the same runs is not computed again.
package struct StudyFigures: Sendable {
  /// A finished run: its scores and its folder.
  package struct Run: Sendable {
    /// Site, method, seed and scores.
    package let result: FoldResult
    /// Settings and weights.
    package let run: Training.Run

    /// Makes a run from its parts.
    package init(result: FoldResult, run: Training.Run) {
      self.result = result
      self.run = run
    }

    /// The rule of masks that scored the run.
    var rule: MaskRule {
      var inference = run.configuration.inference
      inference.threshold = result.threshold
      return inference.rule
    }
  }

  /// The maximum number of images for feature map, attention and localisation.
  ///
  /// They come evenly from all sites.
  package var imageLimit = 1500
  /// The longer side of the gallery's pictures, in pixels.
  package var pictureSize = 320
  /// The maximum number of images per site for the probes.
  package var diagnosisLimit = 100
  /// The maximum number of images per site for dictionary coverage.
  ///
  /// Each image passes the intervention M + 1 times.
  package var coverageLimit = 30
  /// The maximum number of images per site for the adjustment; each passes the head M + 3 times.
  package var adjustmentLimit = 30
  /// The number of timed passes for the latency.
  package var latencyPasses = 21
  /// The cache for features of the frozen layers.
  ///
  /// If nil, they are in a folder beside the figures, which is removed at the end.
  package var cache: FeatureCache?
  /// Receives the current figure, and the numbers of its images that have passed and of all; both are
  /// 0 if they are not known.
  package var progress: @Sendable (_ figure: String, _ done: Int, _ total: Int) -> Void = { _, _, _ in }

  let images = FigureProgress()
  let folder: URL
  let catalog: SiteCatalog
  let candidate: String
  let runs: [Run]

  /// Makes the description of a study.
  ///
  /// - Parameters:
  ///   - study: its folder; figures go into `figures` in it.
  ///   - catalog: the sites.
  ///   - candidate: the method whose representation and attention are displayed, and which is
  ///     compared with the others.
  ///   - runs: the finished runs, in the order of display of methods and seeds.
  /// - Throws: `StudyError` if no run is of the candidate.
  package init(study: URL, catalog: SiteCatalog, candidate: String, runs: [Run]) throws {
    guard runs.contains(where: { $0.result.method == candidate }) else {
      throw StudyError.noRun(study, method: candidate)
    }
    folder = study.appendingPathComponent("figures")
    self.catalog = catalog
    self.candidate = candidate
    self.runs = runs
  }

  /// Computes and writes the figures that are missing or come from other runs.
  ///
  /// - Parameter features: cached features of the frozen layers for the images of the sites; nil
  ///   runs the tower.
  /// - Returns: all figures of the study.
  /// - Throws: an error that names the file.
  @discardableResult
  package func compute(features: FeatureStore? = nil) throws -> StoredFigures {
    try FileManager.default.createFolder(folder)
    // The study is locked, so nobody else writes here.
    AtomicFile.removeLeftovers(in: folder, unchangedFor: 0)
    if let run = featureRun {
      try keep(.features, of: [run], "\(imageLimit)") { try featureFigure(run, features, fingerprint: $0) }
    }
    let own = heldOut(candidate)
    // Weights of an epoch before the intervention starts attend to nothing.
    let attending = try own.filter {
      try $0.run.configuration.model.method.traits.attends && $0.run.intervenes()
    }
    try keepOrRemove(.attention, of: attending, "\(imageLimit)") {
      try attentionFigure(attending, features, fingerprint: $0)
    }
    try keep(.localisation, of: own, "\(imageLimit)") {
      try localisationFigure(own, features, fingerprint: $0)
    }
    // The 2 makes galleries anew that do not name precision and decoding.
    try keep(.gallery, of: methods.flatMap(heldOut), "\(candidate) \(pictureSize) 2") {
      try galleryFigure(features, fingerprint: $0)
    }
    try keep(.cost, of: methods.compactMap { heldOut($0).first }, "\(latencyPasses)") {
      try costFigure(fingerprint: $0)
    }
    // These figures compare one mask. A study of several classes has none of them.
    if !runs.contains(where: { $0.run.configuration.segmentsClasses }) { try diagnose(features) }
    return try StoredFigures(study: folder.deletingLastPathComponent())
  }

  /// The methods, in the order of the runs.
  var methods: [String] {
    runs.reduce(into: []) { found, run in
      if !found.contains(run.result.method) { found.append(run.result.method) }
    }
  }

  /// The displayed seed: the candidate's first.
  var seed: UInt64 { runs.first { $0.result.method == candidate }?.result.seed ?? 0 }

  /// Returns the run of a method for each held-out site.
  ///
  /// It has the displayed seed or, if there is none, the first seed.
  func heldOut(_ method: String) -> [Run] {
    catalog.sites.compactMap { site in
      let own = runs.filter { $0.result.site == site.name && $0.result.method == method }
      return own.first { $0.result.seed == seed } ?? own.first
    }
  }

  /// The run whose representation is displayed: the candidate's, with the first site held out.
  private var featureRun: Run? { heldOut(candidate).first }

  /// The part of an existing file that identifies it.
  private struct Known: Decodable { let fingerprint: String }

  /// Keeps a file of the same runs if all its pictures exist; otherwise computes it.
  func keep<Figure: Encodable>(
    _ file: FigureFile, of runs: [Run], _ settings: String, _ figure: (_ fingerprint: String) throws -> Figure
  ) throws {
    let url = folder.appendingPathComponent(file.rawValue)
    let fingerprint = try fingerprint(of: runs, "\(file.rawValue) \(settings)")
    let known = try? JSONDecoder().decode(Known.self, from: Data(file: url))
    if known?.fingerprint == fingerprint, file != .gallery || hasPictures(url) { return }
    images.begin(file.rawValue, telling: progress)
    try AtomicFile.write(json: try figure(fingerprint), to: url)
  }

  private func hasPictures(_ url: URL) -> Bool {
    guard let figure = try? JSONDecoder().decode(GalleryFigure.self, from: Data(file: url)) else {
      return false
    }
    return figure.rows.flatMap(\.pictures).allSatisfy {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0.file).path)
    }
  }

  /// Computes FNV-1a over the inputs of the figure.
  ///
  /// Scores to the last digit represent the weights behind them.
  private func fingerprint(of runs: [Run], _ settings: String) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var hash = StableHash()
    // Change this number if the computation of figures changes.
    hash.combine(Data("figures 1 \(settings)".utf8))
    for run in runs {
      hash.combine(try Data(file: run.run.folder.configurationFile))
      hash.combine(try Data(file: run.run.folder.fingerprintFile))
      hash.combine(try encoder.encode(run.result))
    }
    return hash.text
  }

  /// Selects as many samples of each site as fit the limit.
  ///
  /// Small sites are complete. The other sites have equal numbers, spread over their images.
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

  /// Calls a closure with the representation of samples before the head, batch by batch.
  func eachRepresentation(
    _ samples: [Sample], _ system: CompiledSystem, _ reader: SampleReader, _ features: FeatureStore?,
    _ use: (Representation) throws -> Void
  ) throws {
    try eachBatch(samples, reader, features) { images, _, cached in
      try use(system.representation(images, cached: cached))
    }
  }

  /// Calls a closure with batches of samples at S×S.
  ///
  /// A batch has masks, B×1×S×S of all classes together, and, if any, cached features of the tower.
  func eachBatch(
    _ samples: [Sample], _ reader: SampleReader, _ features: FeatureStore?,
    _ use: (_ images: Tensor, _ masks: Tensor, _ cached: FrozenFeatures?) throws -> Void
  ) throws {
    let bank = try SampleBank(samples, reader: reader)
    for start in stride(from: 0, to: samples.count, by: 16) {
      let rows = Array(start..<min(samples.count, start + 16))
      let batch = try bank.batch(rows)
      let masks = try batch.masks.max([1], keepDimensions: true)
      try use(batch.images, masks, features?.cached(rows.map { samples[$0] }))
      images.add(rows.count)
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
