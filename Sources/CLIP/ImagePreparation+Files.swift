import Foundation
import Imaging
import Storage

extension ImagePreparation {
  /// Reads a folder's `processor_config.json`, `preprocessor_config.json` or `preprocess_cfg`.
  ///
  /// The first two are Hugging Face's, the last is in OpenCLIP's `open_clip_config.json`. Without any,
  /// the values are CLIP's own. Every setting is followed, known to have no effect, or refused.
  ///
  /// - Parameter folder: the folder.
  /// - Throws: `CLIPError` or `FileError` that names the file and the setting.
  public init(folder: URL) throws {
    try self.init(folder: folder, CLIPConfiguration(folder: folder))
  }

  /// Makes the preparation that a model has without a file.
  init(_ configuration: CLIPConfiguration) {
    self.init(size: configuration.vision.imageSize)
    if configuration.isSigLIP {
      (mean, deviation, framing) = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5], .squash)
    }
  }

  /// Reads a folder's preparation for a known model.
  init(folder: URL, _ configuration: CLIPConfiguration) throws {
    try self.init(folder: folder, start: ImagePreparation(configuration))
  }

  /// Reads a folder's preparation for a tower of known image size.
  init(folder: URL, imageSize: Int) throws {
    try self.init(folder: folder, start: ImagePreparation(size: imageSize))
  }

  /// Reads a folder's preparation; `start` holds what the folder does not say.
  private init(folder: URL, start: ImagePreparation) throws {
    self = start
    func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name).path) }
    // As in Hugging Face's reader, the nested settings come first.
    if exists("processor_config.json"), var nested = try Self.nested(file("processor_config.json")) {
      try read(&nested)
    } else if exists("preprocessor_config.json") {
      var reader = try SettingsReader(file("preprocessor_config.json"))
      try read(&reader)
    } else if exists("open_clip_config.json"), !exists("config.json") {
      framing = .openCrop
      var whole = try SettingsReader(file("open_clip_config.json"))
      if var reader = try whole.settings("preprocess_cfg") { try readOpen(&reader) }
    }
  }

  /// Returns the settings of images in a file of a whole processor; nil if it has none.
  private static func nested(_ file: URL) throws -> SettingsReader? {
    var reader = try SettingsReader(file)
    let images = try reader.settings("image_processor")
    try reader.expect(["processor_class": ["CLIPProcessor", "SiglipProcessor"], "auto_map": []])
    try reader.finish()
    return images
  }

  /// Reads Hugging Face's settings.
  private mutating func read(_ reader: inout SettingsReader) throws {
    let isSigLIP = reader.peek("image_processor_type").map(Self.sigLIPKinds.contains) ?? false
    if isSigLIP { (mean, deviation) = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]) }
    try reader.expect([
      "image_processor_type": ["CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil"]
        + Self.sigLIPKinds,
      "feature_extractor_type": ["CLIPFeatureExtractor"],
      "processor_class": ["CLIPProcessor", "SiglipProcessor"], "do_resize": [true],
      "default_to_square": isSigLIP ? [true, false] : [false], "use_square_size": [false],
      "do_pad": [false], "data_format": ["channels_first"], "auto_map": [],
    ])
    mean = try reader.colours("image_mean", in: -1e6...1e6) ?? mean
    deviation = try reader.colours("image_std", in: 1e-6...1e6) ?? deviation
    if try reader.flag("do_normalize") == false { (mean, deviation) = ([0, 0, 0], [1, 1, 1]) }
    rescale = try reader.number("rescale_factor", in: 0...1e6) ?? rescale
    if try reader.flag("do_rescale") == false { rescale = 1 }
    try readFilter(&reader)
    if isSigLIP { try readSquare(&reader) } else { try readSizes(&reader) }
    // Images have red, green and blue already. The others give the form of inputs and outputs.
    reader.ignore([
      "do_convert_rgb", "device", "disable_grouping", "image_seq_length", "input_data_format", "pad_size",
      "return_tensors", "_valid_processor_keys", "_processor_class",
    ])
    try reader.finish()
  }

  private mutating func readFilter(_ reader: inout SettingsReader) throws {
    guard let value = reader.take("resample") else { return }
    guard case .integer(let number) = value, PillowResampling.Filter(rawValue: number) != nil else {
      throw reader.refusal("resample", value, "supported: 3 (bicubic) and 2 (bilinear)")
    }
    resample = number
  }

  /// The classes that prepare SigLIP's images.
  private static let sigLIPKinds: [JSONValue] = [
    "SiglipImageProcessor", "SiglipImageProcessorFast", "SiglipImageProcessorPil",
  ]

  /// Reads SigLIP's square, into which whole images are squeezed.
  private mutating func readSquare(_ reader: inout SettingsReader) throws {
    let (edge, isSquare) = try reader.edge("size") ?? (224, true)
    guard edge == size, isSquare else {
      throw reader.refusal(
        "size", .integer(edge), "it must be a square of \(size) pixels, which the image tower takes")
    }
    try reader.expect(["do_center_crop": [false], "crop_size": []])
    (shortestEdge, framing) = (edge, .squash)
    let own = try reader.choice("framing", [Framing.crop, .openCrop, .squash].map(\.rawValue))
    if let own = own.flatMap(Framing.init) { framing = own }
  }

  /// Reads the size after the resize, the size of the crop and the framing.
  private mutating func readSizes(_ reader: inout SettingsReader) throws {
    let (edge, isSquare) = try reader.edge("size") ?? (224, false)
    let crop = try reader.edge("crop_size")?.side
    let crops = try reader.flag("do_center_crop") ?? true
    let own = try reader.choice("framing", [Framing.crop, .openCrop, .squash].map(\.rawValue))
    let side = crops ? crop ?? 224 : edge
    guard side == size else {
      throw reader.refusal(
        crops ? "crop_size" : "size", .integer(side),
        "the image tower takes \(size) pixels; correct the one that is wrong")
    }
    shortestEdge = edge
    framing = isSquare ? .squash : .crop
    if isSquare, edge != side {
      throw reader.refusal(
        "size", .integer(edge), "a square must have the size of the crop, \(side), or be shortest_edge")
    }
    if !isSquare, !crops {
      throw reader.refusal(
        "do_center_crop", false,
        "without a crop, size must be a square of height and width, which the tower takes")
    }
    if let own = own.flatMap(Framing.init) { framing = own }
  }

  /// Reads OpenCLIP's settings, where null stands for the default; the image tower gives the size.
  private mutating func readOpen(_ reader: inout SettingsReader) throws {
    reader.dropNulls()
    mean = try reader.colours("mean", in: -1e6...1e6) ?? mean
    deviation = try reader.colours("std", in: 1e-6...1e6) ?? deviation
    // OpenCLIP takes "random" for bicubic outside training.
    if try reader.choice("interpolation", ["bicubic", "bilinear", "random"]) == "bilinear" { resample = 2 }
    if try reader.choice("resize_mode", ["shortest", "squash"]) == "squash" { framing = .squash }
    try reader.expect(["mode": ["RGB"]])
    // Only another way to resize fills margins.
    reader.ignore(["size", "fill_color"])
    try reader.finish()
  }
}

extension SettingsReader {
  /// Takes three numbers, or one for all three.
  mutating func colours(_ key: String, in range: ClosedRange<Double>) throws -> [Double]? {
    guard let value = take(key) else { return nil }
    let numbers: [Double?] =
      if case .array(let items) = value { items.map(\.double) } else {
        Array(repeating: value.double, count: 3)
      }
    let usable = numbers.compactMap { $0 }.filter(range.contains)
    guard usable.count == 3, numbers.count == 3 else {
      throw refusal(key, value, "it must be three numbers from \(range.lowerBound) to \(range.upperBound)")
    }
    return usable
  }

  /// Takes a size: a number, the shorter side, or a square of height and width.
  fileprivate mutating func edge(_ key: String) throws -> (side: Int, isSquare: Bool)? {
    guard let value = take(key) else { return nil }
    let members = value.members?.filter { $0.value != .null }
    let found: (JSONValue, Bool)? =
      switch (value, members) {
      case (.integer, _): (value, key == "crop_size")
      case (.array(let sides), _) where sides.count == 2 && sides[0] == sides[1]: (sides[0], true)
      case (_, let members?) where members.count == 1: members["shortest_edge"].map { ($0, false) }
      case (_, let members?) where members.count == 2 && members["height"] == members["width"]:
        members["height"].map { ($0, true) }
      default: nil
      }
    guard case (.integer(let side), let isSquare)? = found, (1...(1 << 14)).contains(side),
      isSquare || key != "crop_size"
    else {
      throw refusal(
        key, value, "supported: a number, shortest_edge, or height and width that are equal, up to \(1 << 14)"
      )
    }
    return (side, isSquare)
  }
}
