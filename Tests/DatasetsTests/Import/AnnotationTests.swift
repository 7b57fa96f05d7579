import Foundation
import Imaging
import TestSupport
import Testing

@testable import Datasets

/// Exports that the tools' own libraries wrote (Fixtures/make_annotations.py).
@Suite("Annotation formats")
struct AnnotationTests {
  static func fixture(_ path: String) -> URL {
    Project.file("Tests/DatasetsTests/Fixtures/annotations/\(path)")
  }

  /// The mask of an item, drawn at the size of its image.
  static func mask(of item: ImportItem, labels: [String: Int]) throws -> Image {
    let image: Image =
      switch item.image {
      case .file(let url): try ImageFile.read(url)
      case .content(let data, let url): try ImageFile.decode(Array(data), file: url.path)
      case .frame(_, _, let read): try read()
      }
    let shapes: [LabelledShape]
    switch item.mask {
    case .shapes(let drawn, _): shapes = drawn
    case .empty: shapes = []
    case .files, .missing: throw ImagingError.empty(file: item.stem)
    }
    return try ShapeRaster.mask(of: shapes, width: image.width, height: image.height, labels: labels)
  }

  private func expectMasks(
    _ reader: any SourceReader.Type, _ folder: String, of stems: [String],
    options: ImportOptions = ImportOptions()
  ) throws -> ImportListing {
    let listing = try reader.listing(Self.fixture(folder), options: options)
    for stem in stems {
      let item = try #require(listing.items.first { $0.stem == stem }, "\(folder): \(stem)")
      let expected = try MaskFile.read(Self.fixture("expected/\(folder)/\(stem).png"), as: .indices)
      let mask = try Self.mask(of: item, labels: listing.labels)
      #expect((mask.width, mask.height) == (expected.width, expected.height))
      let different = zip(mask.pixels, expected.pixels).count { $0 != $1 }
      #expect(different == 0, "\(folder): \(stem) differs in \(different) pixels")
    }
    return listing
  }

  @Test("Each kind recognises its own exports and no other")
  func recognition() {
    let readers: [any SourceReader.Type] = [
      COCOReader.self, CVATReader.self, LabelMeReader.self, LabelStudioReader.self,
    ]
    let folders = ["coco": 0, "coco-datumaro": 0, "cvat": 1, "labelme": 2, "label-studio": 3]
    for (folder, own) in folders {
      for (place, reader) in readers.enumerated() {
        #expect(reader.recognises(Self.fixture(folder)) == (place == own), "\(folder): \(reader.name)")
      }
    }
    #expect(COCOReader.recognises(Self.fixture("coco/annotations/instances_default.json")))
    #expect(!COCOReader.recognises(Self.fixture("expected")) && !CVATReader.recognises(Self.fixture("none")))
  }

  @Test("COCO: polygons, compressed and plain run lengths as pycocotools decodes them")
  func coco() throws {
    let listing = try expectMasks(COCOReader.self, "coco", of: ["one", "two", "three"])
    #expect(listing.labels == ["polyp": 3, "blood": 7])
    #expect(listing.notes.contains { $0.contains("label maps: polyp 3, blood 7") }, "\(listing.notes)")
    guard case .empty = try #require(listing.items.first { $0.stem == "three" }).mask else {
      Issue.record("an image without annotations has no lesion")
      return
    }
    // The file alone finds the images of the folder above annotations/.
    let file = Self.fixture("coco/annotations/instances_default.json")
    #expect(try COCOReader.listing(file, options: ImportOptions()).items.count == 3)
  }

  @Test("COCO: one label of two makes black and white, and values can be stated")
  func cocoLabels() throws {
    var options = ImportOptions()
    options.lesions = ["polyp"]
    let polyp = try COCOReader.listing(Self.fixture("coco"), options: options)
    #expect(polyp.labels.isEmpty)
    #expect(polyp.notes.contains { $0.contains("not drawn: blood (2 shapes)") }, "\(polyp.notes)")
    let one = try Self.mask(of: #require(polyp.items.first), labels: polyp.labels)
    #expect(Set(one.pixels) == [0, 255])
    options.lesions = ["polpy"]
    #expect(
      message { _ = try COCOReader.listing(Self.fixture("coco"), options: options) }
        .contains("did you mean \"polyp\"?"))
    options = ImportOptions()
    options.labels = ["blood": 2]
    let blood = try COCOReader.listing(Self.fixture("coco"), options: options)
    #expect(try Set(Self.mask(of: blood.items[0], labels: blood.labels).pixels) == [0, 2])
    options.labels = ["mucus": 2]
    #expect(throws: ImportError.self) { try COCOReader.listing(Self.fixture("coco"), options: options) }
  }

  @Test("COCO and CVAT as datumaro writes them; a box is no mask")
  func datumaro() throws {
    let coco = try expectMasks(COCOReader.self, "coco-datumaro", of: ["one", "two"])
    #expect(coco.leftOut.contains { $0.file.contains("panoptic_default.json") }, "\(coco.leftOut)")
    let cvat = try expectMasks(CVATReader.self, "cvat", of: ["one", "two"])
    for listing in [coco, cvat] {
      #expect(listing.labels.isEmpty)
      #expect(
        listing.notes.contains { $0.contains("not drawn: 1 box, line, point or tag of polyp") },
        "\(listing.notes)")
      guard case .missing = try #require(listing.items.first { $0.stem == "three" }).mask else {
        Issue.record("an image of boxes alone has no mask")
        return
      }
    }
  }

  @Test("LabelMe: polygons, rectangles, circles and masks, with and without the image inside")
  func labelMe() throws {
    let listing = try expectMasks(LabelMeReader.self, "labelme", of: ["one", "two", "three"])
    #expect(listing.items.count == 3 && listing.notes.contains { $0.hasPrefix("No masks") })
    for item in listing.items {
      switch item.image {
      case .file: #expect(item.stem == "two")
      case .content: #expect(item.stem != "two")
      case .frame: Issue.record("small images are kept")
      }
    }
  }

  @Test("Label Studio: brushes of 0 and 255 and of 0 and 1, polygons, ellipses and rectangles")
  func labelStudio() throws {
    let listing = try expectMasks(LabelStudioReader.self, "label-studio", of: ["one", "two", "three"])
    #expect(listing.notes.contains { $0.contains("1 rectangle") }, "\(listing.notes)")
  }

  @Test("CVAT: a cropped mask begins with background, layers decide, and tracks are refused")
  func cvat() throws {
    let scratch = try Scratch()
    try scratch.grey("images/Train/a.png", width: 6, [UInt8](repeating: 9, count: 30))
    func document(_ shapes: String) -> String {
      "<?xml version=\"1.0\"?><annotations><version>1.1</version><meta><task><labels>"
        + "<label><name>polyp &amp; more</name></label><label><name>tool</name></label></labels>"
        + "</task></meta>"
        + shapes + "</annotations>"
    }
    func image(_ shapes: String) -> String {
      document("<image id=\"0\" name=\"Train/a.png\" width=\"6\" height=\"5\">\(shapes)</image>")
    }
    try scratch.text(
      "annotations.xml",
      image(
        "<mask label=\"tool\" rle=\"1, 2,1\" left=\"2\" top=\"1\" width=\"2\" height=\"2\" z_order=\"1\"/>"
          + "<polygon label=\"polyp &amp; more\" z_order=\"0\" "
          + "points=\"2.00,1.00;6.00,1.00;6.00,3.00;2.00,3.00\">"
          + "<attribute name=\"size\">5</attribute></polygon>"))
    let listing = try CVATReader.listing(scratch.url, options: ImportOptions())
    #expect(listing.labels == ["polyp & more": 1, "tool": 2] && listing.items.map(\.stem) == ["a"])
    let mask = try Self.mask(of: listing.items[0], labels: listing.labels)
    #expect(
      mask.pixels == [
        0, 0, 0, 0, 0, 0,
        0, 0, 1, 2, 1, 1,
        0, 0, 2, 1, 1, 1,
        0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0,
      ])
    let file = scratch.file("annotations.xml").path
    func refusal(_ text: String) throws -> String {
      try scratch.text("annotations.xml", text)
      let refused = message { _ = try CVATReader.listing(scratch.file("annotations.xml"), options: .init()) }
      #expect(refused.hasPrefix(file), "\(refused)")
      return refused
    }
    let track = "<track id=\"0\" label=\"tool\"><box frame=\"0\"/></track>"
    #expect(try refusal(document(track)).contains("export the task as CVAT for images 1.1"))
    let long = "<mask label=\"tool\" rle=\"1,9\" left=\"0\" top=\"0\" width=\"2\" height=\"2\"/>"
    #expect(try refusal(image(long)).contains("a run of 9 pixels after 1 of 4"))
    #expect(try refusal(image("<polygon label=\"tool\" points=\"1,1;2;3,3\"/>")).contains("the point \"2\""))
    #expect(try refusal(image("<polygon points=\"1,1;2,2;3,3\"/>")).contains("no label"))
    #expect(
      try refusal(image("<ellipse label=\"tool\" cx=\"1\" cy=\"1\" rx=\"-1\" ry=\"1\"/>")).contains("radius"))
    #expect(
      try refusal("<!DOCTYPE a [<!ENTITY b \"c\">]>" + image("")).contains("document type"))
    #expect(
      try refusal("<?xml version=\"1.0\"?><!--><a --><!-- b --><!DOCTYPE a><annotations/>")
        .contains("document type"))
    #expect(try refusal(String(image("").dropLast(9))).contains("no whole XML"))
    let deep = String(repeating: "<a>", count: 5000)
    #expect(try refusal(document(deep)).contains("nested more than 64"))
    #expect(try refusal("<dataset></dataset>").contains("<dataset>"))
  }

  @Test("An image of another size, a missing one and one that is named twice are left out with the reason")
  func leftOut() throws {
    let scratch = try Scratch()
    try scratch.grey("a/x.png", width: 2, [1, 2, 3, 4])
    try scratch.grey("b/y.png", width: 2, [1, 2, 3, 4])
    try scratch.grey("c/y.png", width: 2, [1, 2, 3, 4])
    func image(_ id: Int, _ name: String, _ width: Int = 2) -> String {
      "{\"id\": \(id), \"file_name\": \"\(name)\", \"width\": \(width), \"height\": 2}"
    }
    let images = [
      image(1, "a/x.png"), image(2, "x.png"), image(3, "y.png"), image(4, "c\\\\y.png", 3), image(5, "z.png"),
    ]
    try scratch.text(
      "x.json", "{\"images\": [\(images.joined(separator: ","))], \"annotations\": [], \"categories\": []}")
    let listing = try COCOReader.listing(scratch.url, options: ImportOptions())
    #expect(listing.items.map(\.stem) == ["x"])
    let reasons = listing.leftOut.map(\.reason)
    #expect(reasons.count == 4, "\(reasons)")
    #expect(reasons.contains { $0.contains("names it again") })
    #expect(reasons.contains { $0.contains("several images have this name") })
    #expect(reasons.contains { $0.contains("was annotated at 3×2") })
    #expect(reasons.contains { $0.contains("is not in") })
  }

  @Test("Faults name the file and the place")
  func faults() throws {
    let scratch = try Scratch()
    try scratch.grey("x.png", width: 2, [1, 2, 3, 4])
    func refusal(_ reader: any SourceReader.Type, _ text: String) throws -> String {
      try scratch.text("x.json", text)
      let refused = message { _ = try reader.listing(scratch.file("x.json"), options: ImportOptions()) }
      #expect(refused.hasPrefix(scratch.file("x.json").path), "\(refused)")
      return refused
    }
    func coco(_ segmentation: String, image: Int = 1, category: Int = 1) -> String {
      "{\"images\": [{\"id\": 1, \"file_name\": \"x.png\", \"width\": 2, \"height\": 2}], "
        + "\"categories\": [{\"id\": 1, \"name\": \"polyp\"}], \"annotations\": [{\"id\": 8, \"image_id\": "
        + "\(image), \"category_id\": \(category), \"segmentation\": \(segmentation)}]}"
    }
    #expect(
      try refusal(COCOReader.self, coco("[[0,0,1,1,2]]")).contains("annotation 8: a polygon has an odd"))
    #expect(try refusal(COCOReader.self, coco("[[0,0,1,1e9,2,2]]")).contains("far outside"))
    #expect(try refusal(COCOReader.self, coco("[]", image: 2)).contains("names the image 2"))
    #expect(try refusal(COCOReader.self, coco("[]", category: 5)).contains("names the category 5"))
    #expect(
      try refusal(COCOReader.self, coco("{\"size\": [2, 3], \"counts\": [6]}")).contains("of 3 × 2 pixels"))
    #expect(
      try refusal(COCOReader.self, coco("{\"size\": [2, 2], \"counts\": \"1\"}")).contains("cover 1 of the 4")
    )
    #expect(
      try refusal(COCOReader.self, coco("{\"size\": [2], \"counts\": [4]}")).contains("[height, width]"))
    #expect(try refusal(COCOReader.self, "{\"images\": 3").contains("it is not COCO JSON"))
    #expect(
      try refusal(COCOReader.self, String(repeating: "[", count: 100_000)).contains("it is not COCO JSON"))
    func labelMe(_ shape: String) -> String {
      "{\"imagePath\": \"x.png\", \"imageWidth\": 2, \"imageHeight\": 2, "
        + "\"shapes\": [{\"label\": \"a\", \(shape)}]}"
    }
    #expect(
      try refusal(LabelMeReader.self, labelMe("\"points\": [[0, 0], [1, 1]]")).contains("shape 1 (a)"))
    #expect(
      try refusal(
        LabelMeReader.self,
        labelMe("\"shape_type\": \"mask\", \"points\": [[0, 0], [1, 1]], \"mask\": \"iVBORw0KGgo=\"")
      ).contains("shape 1 (a)"))
    func studio(_ value: String) -> String {
      "[{\"id\": 4, \"data\": {\"image\": \"x.png\"}, \"annotations\": [{\"result\": [{\"id\": \"r\", "
        + "\"original_width\": 2, \"original_height\": 2, \"value\": \(value)}]}]}]"
    }
    #expect(
      try refusal(LabelStudioReader.self, studio("{\"rle\": [0, 0, 0, 9]}")).contains("task 4: a brush"))
    #expect(try refusal(LabelStudioReader.self, studio("{\"rle\": [256]}")).contains("no bytes"))
    #expect(try refusal(LabelStudioReader.self, studio("{\"points\": [[1, 1]]}")).contains("three points"))
    #expect(try refusal(LabelStudioReader.self, "[{\"id\": 4, \"data\": {}}]").contains("names no image"))
  }
}
