import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import Storage

extension Run {
  /// Creates an untrained run in its own folder.
  ///
  /// The run keeps other processes out of the folder until the end of its training, or as long as
  /// the value lives.
  ///
  /// - Parameters:
  ///   - url: the folder; it must not hold a run.
  ///   - data: the sites.
  ///   - holdOut: the site that is excluded from training; nil for a final model of all sites.
  ///   - lists: the images of training, validation and test; nil splits each site by chance.
  ///   - clip: the CLIP model.
  ///   - prompts: the prompts.
  ///   - methods: the methods that the settings may name.
  ///   - settings: changes the defaults. The default image size is the CLIP model's own.
  /// - Returns: the run.
  /// - Throws: an error that names the folder, the site or the setting.
  public static func create(
    at url: URL, data: SiteCatalog, holdOut: String? = nil, lists: ImageLists? = nil, clip: ClipSource,
    prompts: PromptSet, methods: MethodRegistry = .builtIn,
    settings: (inout RunConfiguration) throws -> Void = { _ in }
  ) throws -> Run {
    var draft = RunConfiguration(methods: methods)
    (draft.data, draft.holdOut, draft.clip) = (data.location.path, holdOut, clip.name)
    clip.adapt(&draft)
    let model = try ClipLoader()(draft)
    draft.imageSize = model.configuration.vision.imageSize
    let (name, seed) = (draft.clip, draft.seed)
    try settings(&draft)
    // Random weights follow from the seed, which the closure may have changed.
    let isSame = (draft.clip, draft.seed) == (name, seed)
    return try create(
      at: RunFolder(url), draft, data: data, lists: lists, prompts: prompts, model: isSame ? model : nil)
  }

  /// Creates an untrained run that begins with the weights of a trained one, on other images.
  ///
  /// Its prompts are those of the trained run, and so are its settings, unless the closure changes
  /// them. The tower, the method and the head cannot change. The folder keeps the weights, so the
  /// trained run may go.
  ///
  /// - Parameters:
  ///   - url: the folder; it must not hold a run.
  ///   - data: the sites.
  ///   - holdOut: the site that is excluded from training; nil trains on all sites.
  ///   - lists: the images of training, validation and test; nil splits each site by chance.
  ///   - run: the trained run.
  ///   - settings: changes the settings of the trained run.
  /// - Returns: the run.
  /// - Throws: an error that names the folder, the site or the setting.
  public static func create(
    at url: URL, data: SiteCatalog, holdOut: String? = nil, lists: ImageLists? = nil, continuing run: Run,
    settings: (inout RunConfiguration) throws -> Void = { _ in }
  ) throws -> Run {
    var draft = try run.continuation()
    (draft.data, draft.holdOut) = (data.location.path, holdOut)
    try settings(&draft)
    return try create(
      at: RunFolder(url), draft, data: data, lists: lists, prompts: run.prompts, continuing: run,
      clip: run.clip)
  }

  /// Creates a run from complete settings.
  ///
  /// - Parameters:
  ///   - folder: the folder. A run without a saved state in it is restarted.
  ///   - configuration: the settings. Without `sources`, all sites except the held-out one are
  ///     training sites, or those of the lists.
  ///   - data: the sites.
  ///   - lists: the images of training, validation and test; nil splits each site by chance.
  ///   - prompts: the prompts, of which the run uses the settings' number of confounders.
  ///   - promptsFile: the file of the prompts, for messages.
  ///   - ancestor: the run whose weights and prompts it begins with; nil for those of the CLIP model.
  ///   - model: the CLIP model of the settings; nil loads it.
  ///   - clip: loads the CLIP model.
  ///   - hashes: the hashes of the sources' data, if already computed.
  ///   - lock: the lock of the folder, which the run keeps to the end of its training; nil takes it.
  /// - Returns: the run, not yet trained.
  /// - Throws: an error that names the folder, the site or the setting.
  package static func create(
    at folder: RunFolder, _ configuration: RunConfiguration, data: SiteCatalog, lists: ImageLists? = nil,
    prompts: PromptSet, promptsFile: URL? = nil, continuing ancestor: Run? = nil, model: CLIPModel? = nil,
    clip: ClipLoader = ClipLoader(), hashes: DataHashes? = nil, lock: FolderLock? = nil
  ) throws -> Run {
    let lock = try lock ?? FolderLock(folder.url)
    guard !folder.hasState else { throw RunError.exists(folder.url) }
    // A finished run whose state is gone must not get other settings beside its weights.
    try folder.requireResumable(finished: 0)
    var configuration = configuration.resolved
    try configuration.validate()
    let sources = try RunChecks.sources(data, configuration, lists)
    configuration.sources = sources.map(\.name)
    try RunChecks.requireClasses(sources, prompts, in: data.folder)
    try RunChecks.requireLesions(sources, configuration, in: data.folder)
    try RunChecks.requireMechanisms(configuration, prompts, in: promptsFile?.path ?? "the prompts")
    try ancestor?.requireContinuation(configuration)
    let lineage = try ancestor?.lineage()
    let words = try prompts.limited(to: configuration.confounders)
    let description: ClipDescription
    let system: SegmentationSystem
    if let ancestor {
      description = try ClipDescription(ancestor.folder)
      system = try .continuing(ancestor.folder.weightsFile, description, configuration, clip: clip)
    } else {
      let model = try model ?? clip(configuration)
      description = ClipDescription(model)
      system = try .fresh(configuration, prompts: prompts, clip: model)
    }
    let fingerprint = try Fingerprint(
      data: hashes ?? DataHashes(sources, .training, classes: configuration.classes),
      sources: configuration.sources, system: system,
      tests: lists?.testHashes(data), ancestors: lineage)
    try folder.create()
    try folder.write(words, to: folder.promptsFile)
    try folder.write(description, to: folder.clipFile)
    try folder.write(fingerprint, to: folder.fingerprintFile)
    try folder.write(Provenance(sources, configuration, clip: clip), to: folder.provenanceFile)
    try folder.replaceInitial(weights: ancestor?.folder.weightsFile)
    try folder.replace(lists)
    // This is last, because it makes the folder a run: training resumes after it and restarts
    // before it.
    try folder.write(configuration, to: folder.configurationFile)
    let run = Run(folder, configuration, prompts: words, lists: lists, clip: clip, fresh: system, lock: lock)
    _ = try run.ownCatalog { data }
    return run
  }
}

extension ImageLists {
  /// Returns the FNV-1a hashes of the images that score the run, by site; nil if none is listed.
  ///
  /// - Throws: an error that names an image that cannot be read.
  fileprivate func testHashes(_ catalog: SiteCatalog) throws -> [String: [String]]? {
    guard test != nil else { return nil }
    return try Dictionary(
      uniqueKeysWithValues: testSites.map { name in
        (name, try (tested(catalog.site(name)) ?? []).map(DataHashes.hash))
      })
  }
}
