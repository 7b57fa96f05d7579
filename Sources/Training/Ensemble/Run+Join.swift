import Foundation
import Metrics
import Segmentation
import Storage
import Torch

extension Run {
  /// Joins trained runs into one that predicts as their mean.
  ///
  /// The folder is a run: it predicts, scores and compares like any other. It holds all that it needs,
  /// so it can be moved. `members` keeps the settings and the fingerprint of each member, and with
  /// `outputs` its weights. An image that any member was trained on counts as trained on.
  ///
  /// - Parameters:
  ///   - runs: the folds or seeds, at least two; all have the same `imageSize` and `framing`.
  ///   - url: the new folder; it must not hold a run.
  ///   - average: whether outputs or weights are averaged. Weights need the same method, words and
  ///     first weights. The statistics of batch normalisations are averaged like weights.
  ///   - report: receives notes on settings that differ.
  /// - Returns: the run.
  /// - Throws: `EnsembleError`, `RunError`, or an error that names a file.
  public static func joining(
    _ runs: [Run], at url: URL, average: EnsembleAverage, report: (String) -> Void = { _ in }
  ) throws -> Run {
    let folder = RunFolder(url)
    guard !folder.exists else { throw RunError.exists(url) }
    try requireJoinable(runs)
    let ensemble = Ensemble(
      average: average,
      members: runs.enumerated().map { index, run in
        .init(
          folder: "\(index + 1)",
          run: run.folder.url.standardizedFileURL.pathComponents.suffix(2).joined(separator: "/"))
      })
    // All that can be refused comes before the first file.
    let mean = average == .weights ? try WeightMean(of: runs) : nil
    let first = runs[0]
    let configuration = try joinedSettings(runs, report)
    try FileManager.default.createFolder(url)
    for (run, member) in zip(runs, ensemble.members) { try run.copyFacts(to: folder.member(member)) }
    if let mean {
      try SafetensorsFile.write(mean.tensors, metadata: mean.metadata, to: folder.weightsFile)
    } else {
      try MemberWeights(runs).write(to: ensemble.members.map(folder.member), of: folder)
    }
    try folder.write(first.prompts, to: folder.promptsFile)
    try folder.write(ClipDescription(first.folder), to: folder.clipFile)
    let fingerprints = try runs.compactMap { try $0.folder.fingerprint() }
    if fingerprints.count == runs.count {
      try folder.write(Fingerprint(joining: fingerprints), to: folder.fingerprintFile)
    }
    if let mask = try meanMask(runs) {
      try SafetensorsFile.write(["mean_mask": mask], to: folder.meanMaskFile)
    }
    try folder.write(ensemble, to: folder.ensembleFile)
    // This is last, because it makes the folder a run.
    try folder.write(configuration, to: folder.configurationFile)
    return Run(folder, configuration, prompts: first.prompts, lists: nil, clip: first.clip)
  }

  /// Checks that runs can be joined, whatever is averaged.
  private static func requireJoinable(_ runs: [Run]) throws {
    guard runs.count >= Ensemble.sizes.lowerBound else { throw EnsembleError.tooFew(runs.count) }
    guard runs.count <= Ensemble.sizes.upperBound else { throw EnsembleError.tooMany(runs.count) }
    var seen = Set<String>()
    for run in runs {
      let place = run.folder.url.standardizedFileURL.resolvingSymlinksInPath()
      guard seen.insert(place.path).inserted else { throw EnsembleError.twice(run.folder.url) }
      guard try run.ensemble() == nil else { throw EnsembleError.nested(run.folder.url) }
      guard run.lists == nil else { throw EnsembleError.lists(run.folder.listsFile) }
      guard FileManager.default.fileExists(atPath: run.folder.weightsFile.path) else {
        throw RunError.noWeights(run.folder.weightsFile)
      }
      let (own, first) = (run.configuration, runs[0].configuration)
      for (name, value, wanted) in [
        ("imageSize", "\(own.imageSize)", "\(first.imageSize)"),
        ("framing", own.framing.rawValue, first.framing.rawValue),
        ("scenes", own.scenes.rawValue, first.scenes.rawValue),
        ("classes", "\(own.classes)", "\(first.classes)"),
      ] where value != wanted {
        throw EnsembleError.otherSetting(
          run.folder.url, name: name, value: value, first: runs[0].folder.url, wanted: wanted)
      }
    }
  }

  /// Returns the settings of the ensemble: those of the first run, with the sites of all.
  private static func joinedSettings(
    _ runs: [Run], _ report: (String) -> Void
  ) throws -> RunConfiguration {
    let all = runs.map(\.configuration)
    var settings = all[0]
    settings.sources = all.flatMap(\.sources).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    let heldOut = Set(all.map(\.holdOut))
    settings.holdOut =
      heldOut.count == 1 && !settings.sources.contains(settings.holdOut ?? "") ? settings.holdOut : nil
    let clips = try Set(all.map { try $0.clipOfSite })
    settings.clip = clips.count == 1 ? try all[0].clipOfSite : nil
    settings.inference.choose = .none
    if Set(all.map(\.data)).count > 1 {
      report("the runs have different data folders; the ensemble names that of the first")
    }
    if all.contains(where: { $0.inference.rule != settings.inference.rule }) {
      settings.inference.rule = MaskRule()
      report("the runs mark lesions by different rules; the ensemble marks from 0.5, choose a rule anew")
    }
    func views(_ inference: InferenceConfiguration) -> InferenceConfiguration {
      var views = inference
      (views.rule, views.choose) = (MaskRule(), .none)
      return views
    }
    if all.contains(where: { views($0.inference) != views(settings.inference) }) {
      report(
        "the runs look at images differently (flips, turns, scales); the ensemble looks as the first does")
    }
    return settings
  }

  /// Copies what a member tells about itself: settings, prompts, fingerprint and scores.
  private func copyFacts(to place: RunFolder) throws {
    try FileManager.default.createFolder(place.url)
    try place.write(prompts, to: place.promptsFile)
    try place.write(ClipDescription(folder), to: place.clipFile)
    let files: [KeyPath<RunFolder, URL>] = [
      \.fingerprintFile, \.provenanceFile, \.metricsFile, \.validationFile, \.precisionFile, \.maskRuleFile,
    ]
    for file in files where FileManager.default.fileExists(atPath: folder[keyPath: file].path) {
      try AtomicFile.write(Data(file: folder[keyPath: file]), to: place[keyPath: file])
    }
    try place.write(configuration, to: place.configurationFile)
  }

  /// Averages the mean masks of runs; nil if one has none, or of another size.
  private static func meanMask(_ runs: [Run]) throws -> Tensor? {
    let masks = try runs.compactMap { try $0.folder.meanMask() }
    guard masks.count == runs.count, masks.allSatisfy({ $0.shape == masks[0].shape }) else { return nil }
    return try Tensor.stacked(masks).mean([0])
  }
}

extension Fingerprint {
  /// Joins the fingerprints of the members of an ensemble: the data and images of all.
  ///
  /// The images are unknown if they are of one member.
  ///
  /// - Parameter members: at least one.
  init(joining members: [Fingerprint]) {
    data = members.map(\.data).reduce(into: [:]) { $0.merge($1) { first, _ in first } }
    let known = members.compactMap(\.images)
    images =
      known.count < members.count
      ? nil
      : known.reduce(into: [:]) { all, own in
        all.merge(own) { first, second in
          let known = Set(first)
          return first + second.filter { !known.contains($0) }
        }
      }
    let listed = members.compactMap(\.tests).reduce(into: [:]) { $0.merge($1) { first, _ in first } }
    tests = listed.isEmpty ? nil : listed
    let earlier = members.flatMap { $0.ancestors ?? [] }.reduce(into: [Ancestor]()) {
      if !$0.contains($1) { $0.append($1) }
    }
    ancestors = earlier.isEmpty ? nil : earlier
    let hashes = Set(members.map(\.weights))
    weights = hashes.count == 1 ? members[0].weights : hashes.sorted().joined(separator: "+")
    (version, libtorch) = (members[0].version, members[0].libtorch)
  }
}
