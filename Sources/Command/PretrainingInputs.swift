import CLIP
import Confounders
import Datasets
import Foundation
import Pretraining
import Storage
import Torch
import Training

/// The content of `pretraining.json`: everything that the weights of a CLIP folder depend on.
struct PretrainingRecord: Codable, Equatable {
  var configuration = PretrainingConfiguration()
  /// The folder of sites or captioned pictures; nil for rendered pictures alone.
  var data: String?
  /// The sites of the folder that take no part.
  var holdOut: [String]? = []
  /// The lesion class of pictures whose site states none.
  var lesionClass: String?
  /// The number of rendered pictures.
  var images: Int
  /// The folder of the image trunk.
  var trunk: String?
  var geometry = CLIPConfiguration()
  var prompts: PromptSet
  var version = MCDRLCommand.version

  /// Returns a hash of the settings, which several processes compare.
  func hash() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var hash = ContentHash()
    hash.combine(try encoder.encode(self))
    return hash.text
  }

  /// Makes a trunk the image tower.
  mutating func use(_ folder: TrunkFolder, size: Int?, tunedStages: Int, rate: Double) throws {
    trunk = folder.folder.path
    geometry.vision = folder.vision
    geometry.vision.imageSize = size ?? folder.imageSize
    configuration.tunedStages = tunedStages
    configuration.trunkLearningRate = rate
    configuration.interventionShare = 0.5
    // The grid of a trunk is coarse, so the best eighth of its positions counts instead of eight of them.
    let stride = try ImageTower.unset(geometry.vision, projectionSize: 1).hiddenStrides.last ?? 32
    let side = max(1, geometry.vision.imageSize / stride)
    configuration.densePositions = max(1, side * side / 8)
  }
}

/// The pictures of a contrastive training, and the CLIP that it begins with.
struct PretrainingInputs {
  /// The pictures with their captions.
  let images: CaptionedImages
  /// The sites of the data, the held-out ones, too; nil without sites.
  let catalog: SiteCatalog?
  /// The sites that take part; nil without sites.
  let sites: [Site]?

  /// Reads and renders the pictures, each process a part of them; all get all.
  ///
  /// - Throws: `UsageError`, `DatasetError` or `ImagingError` that names the file.
  init(_ record: PretrainingRecord, _ processes: Processes, _ console: Console) throws {
    defer { console.progress("") }
    let size = record.geometry.vision.imageSize
    let folder = record.data.map { URL(fileURLWithPath: $0) }
    let hasCaptions =
      folder.map { FileManager.default.fileExists(atPath: $0.appendingPathComponent("captions.jsonl").path) }
      ?? false
    let rendered = record.images > 0 ? try Self.rendered(record, size: size, processes, console) : nil
    guard let folder, !hasCaptions else {
      (catalog, sites) = (nil, nil)
      images =
        try folder.map { folder in
          try processes.together {
            try CaptionedImages(
              folder: folder, reader: SampleReader(size: size), part: processes.part(of:)
            ) { console.progress("reading \($0) pictures") }
          }.joined(by: processes)
        } ?? rendered ?? Self.rendered(record, size: size, processes, console)
      return
    }
    let (catalog, sites) = try processes.together {
      let catalog = try SiteCatalog(at: folder, defaultClass: record.lesionClass)
      let heldOut = try Set((record.holdOut ?? []).map { try catalog.site($0).name })
      let sites = catalog.sites.filter { !heldOut.contains($0.name) }
      guard !sites.isEmpty else {
        throw RunError.noSources(folder, heldOut: heldOut.sorted().joined(separator: ", "))
      }
      try RunChecks.requireClasses(sites, record.prompts, in: folder)
      return (catalog, sites)
    }
    try processes.first { try DataNotes.masks(sites, console) }
    DataNotes.leftOut(catalog, console)
    let samples = sites.flatMap(\.samples)
    let bar = ProgressBar("reading", total: processes.part(of: samples.count).count)
    let real = try CaptionedImages(
      samples: samples, reader: SampleReader(size: size), prompts: record.prompts, sharedBy: processes
    ) { console.progress(bar.line($0, unit: "pictures")) }
    if real.undecodedCount > 0 {
      console.note(
        "note: \(real.undecodedCount) of \(samples.count) pictures do not fit --image-memory; they are decoded at "
          + "each use")
    }
    images = try rendered.map(real.joined) ?? real
    (self.catalog, self.sites) = (catalog, sites)
  }

  private static func rendered(
    _ record: PretrainingRecord, size: Int, _ processes: Processes, _ console: Console
  ) throws -> CaptionedImages {
    let part = processes.part(of: record.images)
    let bar = ProgressBar("rendering", total: part.count)
    return try processes.together {
      try CaptionedImages(
        rendering: part.count, from: part.lowerBound, size: size, seed: record.configuration.seed,
        prompts: record.prompts
      ) { console.progress(bar.line($0, unit: "pictures")) }
    }.joined(by: processes)
  }

  /// Makes the CLIP to train: random weights, those of the trunk, and a vocabulary of the captions.
  ///
  /// - Throws: `CLIPError`, or `TorchError.parameters` that names the weights that do not fit.
  func clip(_ record: PretrainingRecord) throws -> CLIPModel {
    let tokenizer = try BytePairLearning(
      captions: images.sentences(for: record.configuration).sorted()
    ).tokenizer()
    var geometry = record.geometry
    geometry.text.vocabularySize = tokenizer.count
    geometry.text.endToken = tokenizer.endToken
    var preparation = ImagePreparation(size: geometry.vision.imageSize)
    preparation.framing = .squash
    let trunk = try record.trunk.map { try TrunkFolder(URL(fileURLWithPath: $0)) }
    if let trunk { (preparation.mean, preparation.deviation) = (trunk.mean, trunk.deviation) }
    let clip = try CLIPModel(
      geometry, tokenizer: tokenizer, preparation: preparation, seed: record.configuration.seed)
    try trunk?.load(into: clip.vision)
    return clip
  }
}
