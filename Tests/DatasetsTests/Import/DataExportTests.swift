import Foundation
import Imaging
import TestSupport
import Testing
import Torch

@testable import Datasets

@Suite("Exports")
struct DataExportTests {
  /// Two sites of pictures with ragged masks: holes, corners that touch, and an empty one.
  private func data(labels: Bool = false) throws -> Scratch {
    let scratch = try Scratch()
    var generator = SplitMix(seed: 5)
    for site in ["north", "south"] {
      for (number, size) in [(23, 17), (16, 21), (8, 9)].enumerated() {
        let ending = ["png", "jpg", "bmp"][number]
        if ending == "bmp" {
          try scratch.touch("\(site)/images/\(number).bmp")
          try bitmap(width: size.0, height: size.1).write(to: scratch.file("\(site)/images/\(number).bmp"))
        } else {
          try scratch.picture("\(site)/images/\(number).\(ending)", number, width: size.0, height: size.1)
        }
        var value: UInt8 = 0
        let pixels = (0..<size.0 * size.1).map { _ -> UInt8 in
          if generator.next() % 3 == 0 {
            value = labels ? [0, 2, 5][Int(generator.next() % 3)] : 255 - value
          }
          return number == 2 ? 0 : value
        }
        try scratch.grey("\(site)/masks/\(number).png", width: size.0, pixels)
      }
    }
    if labels {
      let sites = ["north", "south"].map { "{name: '\($0)', labels: {polyp: 2, 'blood & mucus': 5}}" }
      try scratch.text("sites.json5", "{sites: [\(sites.joined(separator: ", "))]}")
    }
    return scratch
  }

  /// A grey bitmap, which browsers show but tools may not: it becomes a PNG.
  private func bitmap(width: Int, height: Int) -> Data {
    let stride = (3 * width + 3) / 4 * 4
    func bytes(_ value: Int, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    let header =
      [0x42, 0x4D] + bytes(54 + stride * height, 4) + bytes(0, 4) + bytes(54, 4) + bytes(40, 4)
      + bytes(width, 4) + bytes(height, 4) + bytes(1, 2) + bytes(24, 2) + bytes(0, 24)
    return Data(header + [UInt8](repeating: 77, count: stride * height))
  }

  private static let formats: [(format: ExportFormat, reader: any SourceReader.Type)] = [
    (.coco, COCOReader.self), (.cvat, CVATReader.self), (.labelme, LabelMeReader.self),
    (.labelStudio, LabelStudioReader.self),
  ]

  @Test("Each annotation format comes back with the same masks and pictures")
  func roundTrip() throws {
    for labels in [false, true] {
      let scratch = try data(labels: labels)
      let set = try ExportSet(SiteCatalog(at: scratch.url), sites: [])
      #expect(set.labels.map(\.value) == (labels ? [2, 5] : [1]) && set.items.count == 6)
      for (format, reader) in Self.formats {
        let out = scratch.file("out-\(format.rawValue)")
        let summary = try DataExport(set, to: out).write(format)
        #expect(summary.images == 6)
        let isRecognised = reader.recognises(out)
        #expect(isRecognised, "\(format)")
        var options = ImportOptions()
        if labels { options.labels = ["polyp": 2, "blood & mucus": 5] }
        let listing = try reader.listing(out, options: options)
        #expect(listing.items.count == 6 && listing.leftOut.isEmpty, "\(format): \(listing.leftOut)")
        for site in ["north", "south"] {
          for number in 0..<3 {
            let item = try #require(
              listing.items.first { $0.stem == "\(site)-\(number)" }, "\(format) \(listing.items.map(\.stem))"
            )
            let mask = try MaskFile.read(scratch.file("\(site)/masks/\(number).png"))
            #expect(
              try AnnotationTests.mask(of: item, labels: listing.labels) == mask,
              "\(format) \(site) \(number)")
            guard case .file(let copy) = item.image else { continue }
            let ending = ["png", "jpg", "bmp"][number]
            let original = scratch.file("\(site)/images/\(number).\(ending)")
            #expect(try ImageFile.read(copy).rgb == ImageFile.read(original).rgb)
            #expect(copy.pathExtension == (ending == "bmp" ? "png" : ending))
          }
        }
      }
    }
  }

  @Test("An image that EXIF turns is stored upright as PNG, so that all tools show it under its mask")
  func turned() throws {
    let scratch = try Scratch()
    let original = Project.file("Tests/ImagingTests/Fixtures/exif-6.jpg")
    let image = try ImageFile.read(original)
    try scratch.folder("a/images")
    try FileManager.default.copyItem(at: original, to: scratch.file("a/images/0.jpg"))
    try scratch.picture("a/images/1.jpg", 1, width: 16, height: 16)
    try scratch.grey(
      "a/masks/0.png", width: image.width,
      (0..<image.width * image.height).map { $0 < image.width ? 255 : 0 })
    try scratch.grey("a/masks/1.png", width: 16, [UInt8](repeating: 0, count: 256))
    let set = try ExportSet(SiteCatalog(at: scratch.url), sites: [])
    let summary = try DataExport(set, to: scratch.file("out")).write(.coco)
    #expect(summary.turned == 1)
    let copy = scratch.file("out/images/0.png")
    #expect(try ImageFile.read(copy) == image)
    #expect(try ImageFile.facts(of: Array(Data(contentsOf: copy)), file: "0.png").isUpright)
    #expect(FileManager.default.fileExists(atPath: scratch.file("out/images/1.jpg").path))
    #expect(!FileManager.default.fileExists(atPath: scratch.file("out/images/0.jpg").path))
  }

  @Test("COCO keeps the values of labels as categories")
  func categories() throws {
    let scratch = try data(labels: true)
    let set = try ExportSet(SiteCatalog(at: scratch.url), sites: ["north"])
    _ = try DataExport(set, to: scratch.file("out")).write(.coco)
    let listing = try COCOReader.listing(scratch.file("out"), options: ImportOptions())
    #expect(listing.labels == ["polyp": 2, "blood & mucus": 5])
    #expect(listing.items.map(\.stem).sorted() == ["0", "1", "2"])
  }

  @Test("nnU-Net gets RGB images, label maps without gaps, and a split that leaves each site out")
  func nnUNet() throws {
    let scratch = try data(labels: true)
    let set = try ExportSet(SiteCatalog(at: scratch.url), sites: [])
    let summary = try DataExport(set, to: scratch.file("out")).write(.nnunet, name: "two sites")
    #expect(summary.files.count == 2 && summary.labels == ["polyp": 1, "blood & mucus": 2])
    let folder = scratch.file("out/Dataset001_two_sites")
    let image = try ImageFile.read(folder.appendingPathComponent("imagesTr/north_1_0000.png"))
    #expect(image.channels == 3 && (image.width, image.height) == (16, 21))
    let map = try MaskFile.read(folder.appendingPathComponent("labelsTr/north_1.png"), as: .indices)
    let original = try MaskFile.read(scratch.file("north/masks/1.png"))
    #expect(map.pixels == original.pixels.map { $0 == 2 ? 1 : $0 == 5 ? 2 : 0 })
    let description = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appendingPathComponent("dataset.json")))
        as? [String: Any])
    #expect(description["numTraining"] as? Int == 6 && description["file_ending"] as? String == ".png")
    #expect(description["labels"] as? [String: Int] == ["background": 0, "polyp": 1, "blood & mucus": 2])
    #expect(description["channel_names"] as? [String: String] == ["0": "R", "1": "G", "2": "B"])
    let splits = try JSONDecoder().decode(
      [[String: [String]]].self, from: Data(contentsOf: folder.appendingPathComponent("splits_final.json")))
    #expect(splits.count == 2 && splits[0]["val"] == ["north_0", "north_1", "north_2"])
    #expect(splits[1]["train"] == splits[0]["val"] && splits[1]["val"] == splits[0]["train"])
  }

  @Test("Predictions are exported by the masks that their record names")
  func predictions() throws {
    let scratch = try data()
    try scratch.touch("p/0-mask.png")
    try MaskFile.writeBinary(
      Image(width: 23, height: 17, channels: 1, pixels: [UInt8](repeating: 255, count: 23 * 17)),
      to: scratch.file("p/0-mask.png"))
    try MaskFile.writeBinary(
      Image(width: 16, height: 21, channels: 1, pixels: [UInt8](repeating: 0, count: 336)),
      to: scratch.file("p/1.png"))
    try scratch.grey("p/2.png", width: 8, (0..<72).map { UInt8($0) })
    func line(_ image: String, _ files: String) -> String {
      "{\"image\": \"\(scratch.file(image).path)\", \"files\": [\(files)], \"width\": 1}\n"
    }
    let lines = [
      line("north/images/0.png", "\"0-mask.png\", \"0-overlay.png\""),
      line("north/images/1.jpg", "\"1.png\""),
      line("north/images/2.bmp", "\"2.png\""), line("film.mp4", "\"film-mask.png\""),
    ]
    try scratch.text("p/predictions.jsonl", lines.joined())
    #expect(ExportSet.holdsPredictions(scratch.file("p")) && !ExportSet.holdsPredictions(scratch.url))
    let set = try ExportSet(predictions: scratch.file("p"), label: "polyp")
    #expect(set.items.map(\.stem) == ["0", "1"] && set.sites.isEmpty)
    let reasons = set.leftOut.map(\.reason)
    #expect(reasons.filter { $0.contains("no mask of one bit") }.count == 1, "\(reasons)")
    #expect(set.leftOut.map(\.reason).filter { $0.contains("no image file") }.count == 1)
    let summary = try DataExport(set, to: scratch.file("out")).write(.cvat)
    #expect(summary.images == 2 && summary.regions == 1 && summary.labels == ["polyp": 1])
    let listing = try CVATReader.listing(scratch.file("out"), options: ImportOptions())
    #expect(try AnnotationTests.mask(of: listing.items[0], labels: [:]).pixels.allSatisfy { $0 == 255 })
    // The map of probabilities of an image x-mask.png is no mask.
    try scratch.grey("q/x-mask.png", width: 2, [1, 20, 200, 255])
    try scratch.text("q/predictions.jsonl", line("x-mask.png", "\"x-mask.png\""))
    #expect(message { _ = try ExportSet(predictions: scratch.file("q")) }.contains("no image has a mask"))
    // Frames of DICOM files are counted, with the way that works.
    try scratch.text("s/predictions.jsonl", line("a.dcm", "\"a.png\"") + line("b.dcm", "\"b.png\""))
    let frames = message { _ = try ExportSet(predictions: scratch.file("s")) }
    #expect(frames.contains("2 images, such as") && frames.contains("a.dcm"), "\(frames)")
    #expect(frames.contains("data import dicom") && frames.contains("SITE/unlabelled"), "\(frames)")
    // A mask that is missing is named, and so is one of another size.
    try scratch.text("r/predictions.jsonl", line("north/images/0.png", "\"0-mask.png\", \"0-overlay.png\""))
    let missing = message {
      _ = try DataExport(ExportSet(predictions: scratch.file("r")), to: scratch.file("lost")).write(.coco)
    }
    #expect(missing.contains("r/0-mask.png"), "\(missing)")
    try scratch.grey("p/0-mask.png", width: 3, [255, 255, 255])
    let refused = message { _ = try DataExport(set, to: scratch.file("again")).write(.coco) }
    #expect(refused.contains("0-mask.png"), "\(refused)")
  }

  @Test("Sites of different labels, and data without masks, are refused with the fix")
  func refusals() throws {
    let scratch = try data()
    try scratch.text("sites.json5", "{sites: [{name: 'north', labels: {a: 255}}, {name: 'south'}]}")
    let catalog = try SiteCatalog(at: scratch.url)
    #expect(message { _ = try ExportSet(catalog, sites: []) }.contains("--site"))
    #expect(try ExportSet(catalog, sites: ["north"]).labels.map(\.name) == ["a"])
    #expect(try ExportSet(catalog, sites: ["south"]).labels.map(\.name) == ["lesion"])
    #expect(throws: DatasetError.self) { try ExportSet(catalog, sites: ["west"]) }
    let bare = try Scratch()
    try bare.grey("a/images/0.png", width: 2, [1, 2, 3, 4])
    try bare.folder("a/masks")
    let empty = try SiteCatalog(at: bare.url, passingOver: .missingMasks)
    #expect(message { _ = try ExportSet(empty, sites: []) }.contains("no image has a mask"))
  }
}
