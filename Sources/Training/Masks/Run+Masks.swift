import Datasets
import Foundation
import Metrics

extension Run {
  /// Chooses the rule of masks on validation images, and stores it in the run.
  ///
  /// `config.json` gets the rule, and `mask-rule.json` what was compared. No image of a held-out
  /// site is read.
  ///
  /// - Parameters:
  ///   - data: the folder of the data the run was trained on; nil for that of its settings.
  ///   - predictor: computes the probabilities; nil for one with the arithmetic of the training, so that no
  ///     measured time decides.
  ///   - progress: called with the number of finished passes over an image and of all, from any thread.
  /// - Returns: the choice.
  /// - Throws: `MaskTuningError`, `RunError.otherData` if the images are not those of the training,
  ///   or an error that names a file.
  package func tuneMasks(
    at data: URL? = nil, with predictor: Predictor? = nil,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> MaskTuning {
    try tuneMasks(on: validationSamples(at: data), with: predictor, progress: progress)
  }

  /// Chooses the rule of masks on given images, and stores it in the run.
  ///
  /// - Throws: `MaskTuningError`, or an error that names a file.
  @discardableResult
  func tuneMasks(
    on samples: [Sample], with predictor: Predictor? = nil,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> MaskTuning {
    guard !configuration.segmentsClasses else { throw ClassError.several(configuration.classes) }
    guard !samples.isEmpty else { throw MaskTuningError.noImages }
    let tuning = try MaskTuning(
      predictor ?? self.predictor(device: configuration.device, precision: configuration.precision),
      on: samples, progress: progress)
    var stored = try folder.configuration(methods: configuration.methods)
    stored.inference.rule = tuning.chosen.rule
    // The file of the choice is last: a kill before it lets the choice be made again.
    try folder.write(stored, to: folder.configurationFile)
    try folder.write(tuning, to: folder.maskRuleFile)
    settings.set(tuning.chosen.rule)
    return tuning
  }

  /// Chooses the rule of masks after a training, if the settings ask for it.
  ///
  /// A run that has chosen keeps its choice.
  ///
  /// - Parameter validation: the validation images.
  /// - Returns: the choice; nil if the settings ask for none.
  /// - Throws: `MaskTuningError`, or an error that names a file.
  @discardableResult
  package func chooseMasks(on validation: [Sample]) throws -> MaskTuning? {
    guard configuration.inference.choose == .validation else { return nil }
    return try MaskTuning.stored(in: folder) ?? tuneMasks(on: validation)
  }

  /// Returns the validation images of the run.
  ///
  /// Those of an ensemble are the validation images of its members on which no member was trained.
  /// Images that a run has read from which this one continues are left out.
  ///
  /// - Parameter data: the folder of the data; nil for that of the settings.
  /// - Returns: the images; no image of a held-out site is opened.
  /// - Throws: `RunError.otherData` if the images of a source site are not those of the training, or
  ///   an error that names the missing site or a file.
  package func validationSamples(at data: URL? = nil) throws -> [Sample] {
    try division(of: catalog(at: data)).validation
  }

  /// Returns the training and the validation images of the run, with those of all members.
  ///
  /// - Parameter catalog: the sites that the run was trained on.
  /// - Returns: the images; no image of a held-out site is opened.
  /// - Throws: as `validationSamples`.
  func division(of catalog: SiteCatalog) throws -> (training: [Sample], validation: [Sample]) {
    let sources = try sources(catalog)
    if let fingerprint = try folder.fingerprint() {
      try RunChecks.requireSameData(
        sources, as: fingerprint, of: folder.url, classes: configuration.classes)
    }
    return try divided(sources)
  }

  /// Divides the images of source sites as the run did; of an ensemble, as all members did.
  ///
  /// The validation images on which an ancestor was trained are left out: they are not new to the
  /// weights.
  func divided(_ sources: [Site]) throws -> (training: [Sample], validation: [Sample]) {
    let split = try splits(sources)
    return (split.training, try unknownToAncestors(split.validation))
  }

  /// Returns the images that no run read from which this one, or a member of it, continues.
  ///
  /// - Throws: an error that names a file.
  func unknownToAncestors(_ samples: [Sample]) throws -> [Sample] {
    let members = try ensemble()?.members.map { folder.member($0) } ?? []
    let ancestors = try ([folder] + members).flatMap { try $0.fingerprint()?.ancestors ?? [] }
    guard !ancestors.isEmpty else { return samples }
    let known = Set(ancestors.flatMap { $0.images.values.joined() })
    return try samples.filter { try !known.contains(DataHashes.hash(of: $0)) }
  }

  private func splits(_ sources: [Site]) throws -> (training: [Sample], validation: [Sample]) {
    guard let members = try memberSettings() else {
      let split = try split(sources)
      return (split.training, split.validation)
    }
    let splits = try members.map { member in
      try Split(
        sites: sources.filter { member.sources.contains($0.name) },
        validationShare: member.validationShare, seed: member.seed)
    }
    struct Place: Hashable { let site, id: String }
    let trained = Set(splits.flatMap(\.training).map { Place(site: $0.site, id: $0.id) })
    let validation = Set(splits.flatMap(\.validation).map { Place(site: $0.site, id: $0.id) })
      .subtracting(trained)
    let all = sources.flatMap(\.samples)
    return (
      all.filter { trained.contains(Place(site: $0.site, id: $0.id)) },
      all.filter { validation.contains(Place(site: $0.site, id: $0.id)) }
    )
  }
}
