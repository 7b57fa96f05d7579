import Foundation
import Testing
import TestSupport
import Torch

@testable import CLIP

/// Pixels against transformers' `CLIPImageProcessor` and open_clip's transform.
@Suite struct ImagePreparationTests {
  private func picture(_ height: Int, _ width: Int) throws -> [UInt8] {
    let noise = try uniform("image \(height)×\(width)", [height, width, 3], scale: 127.5, offset: 127.5)
      .floats()
    return noise.indices.map { index in
      let (row, column) = (index / 3 / width, index / 3 % width)
      if (row + column) % 3 == 0 { return UInt8(min(max(noise[index].rounded(.down), 0), 255)) }
      return (row / 9 + column / 7) % 2 == 0 ? 0 : 255
    }
  }

  /// The samples, 0 to 255, behind normalised pixels.
  private func samples(_ pixels: Tensor, _ preparation: ImagePreparation) throws -> Tensor {
    let (mean, deviation) = (
      try Tensor(preparation.mean, shape: [3, 1, 1]), try Tensor(preparation.deviation, shape: [3, 1, 1])
    )
    return try (pixels.to(.float64) * deviation + mean) * 255
  }

  @Test func equalsTheReferences() throws {
    let file = try SafetensorsFile(fixture("images.safetensors"))
    #expect(file.entries.count == 38)
    for (key, expected) in try file.tensors() {
      let numbers = key.split { !$0.isNumber }.compactMap { Int($0) }
      let (height, width, size, edge) = (numbers[0], numbers[1], numbers[2], numbers[3])
      var preparation = ImagePreparation(size: size)
      preparation.shortestEdge = edge
      preparation.framing = key.hasSuffix("open") ? .openCrop : key.hasSuffix("squash") ? .squash : .crop
      let pixels = try preparation(interleaved: picture(height, width), height: height, width: width)
      #expect(pixels.shape == [3, size, size])
      let found = try samples(pixels, preparation)
      let step = size > 100 ? 8 : 1
      let part = try found.strided(dim: 1, by: step).strided(dim: 2, by: step)
      let off = try difference(part, expected)
      #expect(off < 1e-3, "\(key): \(off) levels of 255")
    }
  }

  @Test func squashesTheWholeImage() throws {
    let image = try Tensor(picture(40, 90), shape: [40, 90, 3]).permuted([2, 0, 1])
    var preparation = ImagePreparation(size: 32)
    let squashed = try preparation.squashed(image)
    preparation.framing = .squash
    #expect(try squashed.isEqual(to: preparation(image)))
  }

  @Test func cropsThinImagesInLittleMemory() throws {
    // Whole, the resized image would have 10⁶ × 10³ × 10³ pixels of three channels.
    for shape in [[3, 1, 1_000_000], [3, 1_000_000, 1]] {
      let pixels = try ImagePreparation(size: 1000)(.zeros(shape, dtype: .uint8))
      #expect(pixels.shape == [3, 1000, 1000])
    }
    var preparation = ImagePreparation(size: 8)
    preparation.shortestEdge = .max / 2
    #expect(message { _ = try preparation(.zeros([3, 1, 9], dtype: .uint8)) }.contains("shortest_edge"))
  }

  @Test func refusesOtherTensors() throws {
    let preparation = ImagePreparation(size: 8)
    #expect(message { _ = try preparation(.zeros([3, 9, 9])) }.contains("uint8 3×H×W"))
    #expect(message { _ = try preparation(.zeros([1, 9, 9], dtype: .uint8)) }.contains("[1, 9, 9]"))
  }

  @Test func readsSettingsOfEveryAge() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("preprocessor_config.json")
      func read(_ text: String, _ size: Int = 224) throws -> ImagePreparation {
        try Data(text.utf8).write(to: file)
        return try ImagePreparation(folder: folder, imageSize: size)
      }
      let old = try read(
        #"{"size": 224, "crop_size": 224, "do_center_crop": true, "resample": 3, "feature_extractor_type": "CLIPFeatureExtractor"}"#
      )
      #expect(old == ImagePreparation(size: 224))
      let new = try read(
        #"{"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "image_mean": [0, 0, 0]}"#
      )
      #expect(new.size == 224 && new.shortestEdge == 256 && new.framing == .crop && new.mean == [0, 0, 0])
      let whole = try read(#"{"size": {"height": 64, "width": 64}, "do_center_crop": false}"#, 64)
      #expect(whole.size == 64 && whole.framing == .squash)
      // Hugging Face's own sizes stand for missing ones.
      #expect(try read(#"{"crop_size": 64}"#, 64).shortestEdge == 224)
      let plain = try read(#"{"do_normalize": false, "rescale_factor": 0.01, "resample": 2}"#)
      #expect(plain.mean == [0, 0, 0] && plain.deviation == [1, 1, 1])
      #expect(plain.rescale == 0.01 && plain.resample == 2)
      #expect(try read(#"{"do_rescale": false, "image_mean": 0.5}"#).rescale == 1)
      for (text, part) in [
        ("[]", "one JSON object"), (#"{"image_std": [1, 0, 1]}"#, "image_std is [1,0,1]"),
        (#"{"image_mean": [1]}"#, "image_mean"), (#"{"resample": 9}"#, "resample is 9"),
        (#"{"resample": "bicubic"}"#, "resample is \"bicubic\""),
        (#"{"crop_size": {"height": 2, "width": 3}}"#, "crop_size"), (#"{"size": null}"#, "size is null"),
        (#"{"crop_size": 99}"#, "crop_size is 99; the image tower takes 224 pixels"),
        (#"{"size": {"height": 256, "width": 256}}"#, "size is 256"),
        (#"{"size": {"shortest_edge": 224, "longest_edge": 300}}"#, "longest_edge"),
        (#"{"size": 1099511627776}"#, "size is 1099511627776"), (#"{"size": -1}"#, "size is -1"),
        (#"{"do_resize": false}"#, "do_resize is false"),
        (#"{"do_center_crop": false}"#, "do_center_crop is false"),
        (#"{"do_normalize": "no"}"#, "true or false"), (#"{"rescale_factor": "1"}"#, "rescale_factor is"),
        (#"{"do_pad": true}"#, "do_pad is true"),
        (#"{"offset": true}"#, "offset (true) is not a known setting"),
        (#"{"image_processor_type": "ViTImageProcessor"}"#, "supported: \"CLIPImageProcessor\""),
        ("{\n \"size\": NaN}", "line 2, column 10: NaN"),
      ] {
        let text = message { _ = try read(text) }
        #expect(text.contains(file.path) && text.contains(part), "\(text)")
      }
      let back = try JSONDecoder().decode(
        ImagePreparation.self, from: Data(#"{"size": 32, "mean": [0, 0, 0], "deviation": [1, 1, 1]}"#.utf8))
      #expect(back.shortestEdge == 32 && back.framing == .crop)
    }
  }

  @Test func nestedSettingsComeFirst() throws {
    try withTemporaryFolder { folder in
      let (whole, lone) = (
        folder.appendingPathComponent("processor_config.json"),
        folder.appendingPathComponent("preprocessor_config.json")
      )
      func read() throws -> ImagePreparation { try ImagePreparation(folder: folder, imageSize: 16) }
      try Data(
        #"{"image_processor": {"size": {"shortest_edge": 20}, "crop_size": 16, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.25], "image_processor_type": "CLIPImageProcessor"}, "processor_class": "CLIPProcessor"}"#
          .utf8
      ).write(to: whole)
      let nested = try read()
      #expect(nested.mean == [0.5, 0.4, 0.3] && nested.deviation == [0.2, 0.3, 0.25])
      #expect(nested.shortestEdge == 20 && nested.size == 16)
      try Data(#"{"size": 16, "crop_size": 16, "image_mean": [0, 0, 0]}"#.utf8).write(to: lone)
      #expect(try read() == nested)
      // A processor of earlier versions has no settings of images.
      try Data(#"{"processor_class": "CLIPProcessor"}"#.utf8).write(to: whole)
      #expect(try read().mean == [0, 0, 0])
      for (text, part) in [
        (#"{"image_processor": {"foo": 1}}"#, "image_processor.crop_size is 224"),
        (#"{"image_processor": {"size": 16, "crop_size": 16, "foo": 1}}"#, "image_processor.foo (1)"),
        (#"{"video_processor": {}}"#, "video_processor"), (#"{"image_processor": 3}"#, "must be an object"),
        (#"{"processor_class": "OtherProcessor"}"#, "processor_class"),
      ] {
        try Data(text.utf8).write(to: whole)
        let text = message { _ = try read() }
        #expect(text.contains(whole.path) && text.contains(part), "\(text)")
      }
    }
  }

  @Test func readsOpenCLIPsSettings() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("open_clip_config.json")
      func read(_ text: String) throws -> ImagePreparation {
        try Data("{\"model_cfg\": {}, \"preprocess_cfg\": {\(text)}}".utf8).write(to: file)
        return try ImagePreparation(folder: folder, imageSize: 64)
      }
      let found = try read(
        #""size": 99, "mode": "RGB", "mean": 0.5, "std": [0.1, 0.2, 0.3], "interpolation": "bilinear", "resize_mode": "squash", "fill_color": 3"#
      )
      #expect(
        found.size == 64 && found.resample == 2 && found.framing == .squash && found.mean == [0.5, 0.5, 0.5])
      #expect(try read(#""interpolation": "random", "mean": null"#).resample == 3)
      for (text, part) in [
        (#""mode": "L""#, "preprocess_cfg.mode is \"L\""), (#""resize_mode": "longest""#, "resize_mode"),
        (#""interpolation": "nearest""#, "interpolation"),
        (#""crop_pct": 0.9"#, "preprocess_cfg.crop_pct (0.9)"),
      ] {
        let text = message { _ = try read(text) }
        #expect(text.contains(file.path) && text.contains(part), "\(text)")
      }
    }
  }
}
