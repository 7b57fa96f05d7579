import Foundation
import Imaging
import TestSupport
import Torch

extension Reader {
  /// A BMP with a palette, which Swift decodes.
  static let bitmap = Reader(name: "bmp") { folder in
    let bytes = paletteBitmap(
      width: 8, (0..<64).map { UInt8($0 % 3) }, colours: [[0, 0, 0], [200, 90, 80], [255, 255, 255]])
    try Data(bytes).write(to: folder.appendingPathComponent("x.bmp"))
    return ["x.bmp"]
  } read: { folder in
    _ = try ImageFile.read(folder.appendingPathComponent("x.bmp"))
  }

  /// Pictures of the libraries, read as images and as masks.
  static let pictures = Reader(name: "pictures") { folder in
    try ImageFile.writePNG(picture, to: folder.appendingPathComponent("x.png"))
    try ImageFile.writeJPEG(picture, to: folder.appendingPathComponent("x.jpg"))
    return try ["x.png", "x.jpg"] + copy("Tests/ImagingTests/Fixtures/separate.tif", to: folder, as: "x.tif")
  } read: { folder in
    // All are read, so that the damaged one is among them.
    for file in ["x.png", "x.jpg", "x.tif"] {
      _ = try ImageFile.read(folder.appendingPathComponent(file)).rgb
      _ = try? MaskFile.read(folder.appendingPathComponent(file))
    }
  }

  /// Maps of 16 bits.
  static let maps = Reader(name: "maps") { folder in
    let map = try Tensor((0..<70).map { Double($0) / 69 }, shape: [7, 10])
    try GreyMap.pngData(map).write(to: folder.appendingPathComponent("x.png"))
    try GreyMap.tiffData(map).write(to: folder.appendingPathComponent("x.tif"))
    return ["x.png", "x.tif"]
  } read: { folder in
    for file in ["x.png", "x.tif"] { _ = try GreyMap.levels(folder.appendingPathComponent(file)) }
  }

  /// Videos, of which every frame is read.
  static let videos = Reader(name: "videos") { folder in
    let files = ["steady.mp4", "variable.mkv", "raw.h264"]
    for file in files { _ = try copy("Tests/ImagingTests/Fixtures/video/\(file)", to: folder, as: file) }
    return files
  } read: { folder in
    for file in ["steady.mp4", "variable.mkv", "raw.h264"] {
      let reader = try VideoReader(folder.appendingPathComponent(file))
      while try reader.next() != nil {}
    }
  }

  /// A small picture of three channels.
  static var picture: Image {
    get throws {
      var samples: [UInt8] = []
      for index in 0..<16 * 12 * 3 { samples.append(UInt8(truncatingIfNeeded: index * 7)) }
      return try Image(width: 16, height: 12, channels: 3, pixels: samples)
    }
  }
}
