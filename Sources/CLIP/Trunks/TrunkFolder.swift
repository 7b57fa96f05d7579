import Foundation
import Storage
import Torch

/// An image trunk in timm's form: a folder with `config.json` and `model.safetensors`.
///
/// `scripts/get-trunk` writes such folders, and so do timm and the Hugging Face hub.
public struct TrunkFolder: Sendable {
  /// The folder.
  public let folder: URL
  /// The geometry, for the `vision_config` of a CLIP folder.
  public let vision: CLIPConfiguration.Vision
  /// The preparation of images that the trunk was trained with.
  public let preparation: ImagePreparation

  /// The architecture by its name in timm, without the tag of its weights.
  public var architecture: String { vision.trunk ?? "" }
  /// The side of the training images in pixels.
  public var imageSize: Int { vision.imageSize }
  /// The means of red, green, blue of the training images.
  public var mean: [Double] { preparation.mean }
  /// The standard deviations of red, green, blue of the training images.
  public var deviation: [Double] { preparation.deviation }

  /// Reads `config.json`.
  ///
  /// Every setting is followed, known to have no effect on features, or refused.
  ///
  /// - Parameter folder: the folder.
  /// - Throws: `CLIPError` or `FileError` that names the file and the setting.
  public init(_ folder: URL) throws {
    self.folder = folder
    let file = folder.appendingPathComponent("config.json")
    guard FileSystem.kind(of: file) != nil else {
      throw CLIPError.badFile(
        FileSystem.kind(of: folder) == nil ? folder : file,
        reason: "not found; scripts/get-trunk writes the folder of a trunk (docs/guides/image-trunks.md)")
    }
    var reader = try SettingsReader(file)
    guard let name = try reader.text("architecture") else {
      throw CLIPError.badFile(
        file, reason: "it must name the trunk in \"architecture\", as timm's config.json does")
    }
    let plain = String(name.prefix { $0 != "." })
    guard let geometry = TrunkGeometry(named: plain) else {
      throw reader.refusal(
        "architecture", .string(name), "supported: \(TrunkGeometry.names.joined(separator: ", "))")
    }
    var (vision, preparation) = (CLIPConfiguration.Vision(), ImagePreparation(size: 224))
    (vision.trunk, vision.imageSize) = (plain, 224)
    if case .transformer(let transformer) = geometry { vision.imageSize = transformer.imageSize }
    let arguments = try reader.settings("model_args")
    let pretrained = try reader.settings("pretrained_cfg")
    // These describe the classifier and the pool of the file, which the arguments set.
    reader.ignore(["num_classes", "num_features", "global_pool", "pretrained_cfg_overlay"])
    try reader.finish()
    let crop = try preparation.read(pretrained, side: &vision.imageSize)
    if var arguments { try vision.read(&arguments, geometry) }
    preparation.size = vision.imageSize
    preparation.shortestEdge = Int(Double(vision.imageSize) / crop)
    var whole = CLIPConfiguration()
    whole.vision = vision
    if let fault = whole.fault {
      throw CLIPError.badSetting(file, key: fault.key, value: fault.value, wanted: fault.wanted)
    }
    (self.vision, self.preparation) = (vision, preparation)
  }

  /// Makes the tower of a CLIP model: the trunk's weights, and a random linear projection.
  ///
  /// - Parameters:
  ///   - projectionSize: the width d of the joint space.
  ///   - generator: the random number generator of the projection.
  /// - Returns: the tower, in evaluation mode.
  /// - Throws: as `load(into:)`.
  public func tower(projectionSize: Int, generator: Generator) throws -> ImageTower {
    let tower = try ImageTower.unset(vision, projectionSize: projectionSize)
    try withoutGradients {
      for (key, tensor) in tower.state().sorted(by: { $0.key < $1.key })
      where key.hasPrefix("visual.head.") {
        let shape = tensor.shape
        let deviation = shape.count > 1 ? 1 / Double(shape[1]).squareRoot() : 0
        try tensor.assign(.randomNormal(shape, generator: generator) * deviation)
      }
    }
    try load(into: tower)
    tower.train(false)
    return tower
  }

  /// Loads the weights into an image tower of this architecture; the projection does not change.
  ///
  /// The classifier of the trunk has no place in the tower and is left out. Position embeddings are
  /// interpolated if the tower is for images of another size.
  ///
  /// - Parameter tower: the tower.
  /// - Throws: `FileError`, `SafetensorsError`, `CLIPError.pickledWeights`, or
  ///   `TorchError.parameters` with every key that is missing, unexpected or of another shape.
  public func load(into tower: ImageTower) throws {
    let file = try Checkpoint.find(folder)
    let classifier = vision.trunk.flatMap(TrunkGeometry.init)?.classifier ?? ""
    let prefix = "visual.trunk."
    let named = try Checkpoint(file).tensors
      .filter { $0.key != "\(classifier).weight" && $0.key != "\(classifier).bias" }
      .map { (prefix + $0.key, $0.value) }
    var weights = Dictionary(named, uniquingKeysWith: { first, _ in first })
    if let transformer = tower as? TrunkTransformer, let positions = weights[prefix + "pos_embed"] {
      weights[prefix + "pos_embed"] = try transformer.fitted(positions, trainedAt: vision.imageSize)
    }
    weights.merge(tower.state().filter { !$0.key.hasPrefix(prefix) }) { $1 }
    try tower.load(weights, from: file.path, ignoring: Checkpoint.isIgnored)
    tower.learnsStatistics = false
  }
}

extension CLIPConfiguration.Vision {
  /// Reads the arguments with which timm made the model.
  fileprivate mutating func read(_ reader: inout SettingsReader, _ geometry: TrunkGeometry) throws {
    imageSize = try reader.side("img_size") ?? imageSize
    if case .transformer(let transformer) = geometry {
      if let pool = try reader.choice("global_pool", ["token", "avg"]) {
        trunkPool = pool == "token" ? .token : transformer.isEva ? .avg : .avgThenNorm
      }
      try reader.expect(["dynamic_img_size": [true, false], "dynamic_img_pad": [false]])
    } else {
      try reader.expect(["global_pool": ["avg"]])
    }
    try reader.expect(["in_chans": [3]])
    // The classifier is not read; the others matter to training alone.
    reader.ignore(["num_classes", "drop_rate", "drop_path_rate", "proj_drop_rate", "attn_drop_rate"])
    try reader.finish()
  }
}

extension ImagePreparation {
  /// Reads timm's preparation of images and returns the part of the shorter side that the crop keeps.
  fileprivate mutating func read(_ settings: SettingsReader?, side: inout Int) throws -> Double {
    // timm's crop rounds as OpenCLIP's does.
    framing = .openCrop
    (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    guard var reader = settings else { return 0.875 }
    if let value = reader.take("input_size") {
      guard case .array(let sizes) = value, sizes.count == 3, sizes[0] == 3, sizes[1] == sizes[2],
        case .integer(let found) = sizes[1], (1...(1 << 14)).contains(found)
      else {
        throw reader.refusal("input_size", value, "it must be 3 and two equal sides up to \(1 << 14)")
      }
      side = found
    }
    mean = try reader.colours("mean", in: -1e6...1e6) ?? mean
    deviation = try reader.colours("std", in: 1e-6...1e6) ?? deviation
    if try reader.choice("interpolation", ["bicubic", "bilinear", "random"]) == "bilinear" {
      resample = 2
    }
    let crop = try reader.number("crop_pct", in: 0.01...1) ?? 0.875
    if try reader.choice("crop_mode", ["center", "squash"], orNull: "center") == "squash" {
      guard crop == 1 else {
        throw reader.refusal("crop_pct", .number(crop), "with crop_mode squash it must be 1")
      }
      framing = .squash
    }
    reader.ignore(Self.described)
    try reader.finish()
    return crop
  }

  /// Settings of the source of weights, of the classifier and of tests at another size.
  private static let described: Set<String> = [
    "architecture", "classifier", "custom_load", "dataset_id", "file", "first_conv", "fixed_input_size",
    "hf_hub_filename", "hf_hub_id", "hf_hub_subfolder", "label_descriptions", "label_names",
    "label_offset", "license", "min_input_size", "notes", "num_classes", "origin_url", "paper_ids",
    "paper_name", "pool_size", "source", "tag", "test_crop_pct", "test_input_size", "test_pool_size",
    "url",
  ]
}
