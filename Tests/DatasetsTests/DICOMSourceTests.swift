import Foundation
import Imaging
import TestSupport
import Testing

@testable import Datasets

@Suite("Import of DICOM", .enabled(if: DICOMFile.isBuiltIn, "mcdrl was built without DICOM"))
struct DICOMSourceTests {
  private static let fixtures = Project.file("Tests/ImagingTests/Fixtures/dicom")

  /// A folder with copies of fixtures, by new names.
  private static func folder(_ files: [String: String]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder("dicom-source")
    for (name, fixture) in files {
      let place = folder.file(name)
      try FileManager.default.createDirectory(
        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try FileManager.default.copyItem(at: fixtures.appendingPathComponent(fixture), to: place)
    }
    return folder
  }

  @Test("Frames become images, by content and in folders of any layout")
  func frames() throws {
    let folder = try Self.folder([
      "IM000001": "rgb.dcm", "a/b/picture": "jpeg-frames.dcm", "notes.txt": "make_dicom.py",
      "a/report": "report.dcm", "a/film": "video.dcm", "copy": "rgb.dcm",
    ])
    let listing = try DICOMSource.listing(folder.url, options: ImportOptions())
    #expect(listing.items.count == 4)
    #expect(Set(listing.items.map(\.stem)).count == 4)
    #expect(listing.leftOut.map(\.file) == ["a/film", "a/report", "copy", "notes.txt"])
    #expect(listing.leftOut.map(\.reason).allSatisfy { !$0.isEmpty && !$0.contains(folder.url.path) })
    for item in listing.items {
      guard case .frame(_, _, let read) = item.image, case .missing = item.mask else {
        Issue.record("\(item.stem) is no frame without a mask")
        continue
      }
      let image = try read()
      #expect(image.width == 16 && image.height == 12)
    }
  }

  @Test("A patient is one group, and no name or identifier is in the listing")
  func groups() throws {
    let folder = try Self.folder([
      "1": "patient-utf8.dcm", "2": "patient-gb18030.dcm", "3": "patient-ir58.dcm", "4": "rgb.dcm",
    ])
    let items = try DICOMSource.listing(folder.url, options: ImportOptions()).items
    #expect(Set(items.prefix(3).map(\.group)).count == 1)
    #expect(Set(items.map(\.group)).count == 2)
    for text in items.flatMap({ [$0.stem, $0.group ?? ""] }) {
      for value in ["王", "Zebrafink"] { #expect(!text.contains(value)) }
    }
  }

  @Test("Names do not change when files move")
  func names() throws {
    let first = try Self.folder(["x": "jpeg-frames.dcm"])
    let second = try Self.folder(["deep/folder/y.dcm": "jpeg-frames.dcm"])
    let stems = try [first, second].map {
      try DICOMSource.listing($0.url, options: ImportOptions()).items.map(\.stem)
    }
    #expect(stems[0] == stems[1])
    #expect(stems[0].first?.hasSuffix("-00001") == true)
  }

  @Test("A segmentation gives the masks of the frames that it names")
  func segmentation() throws {
    let folder = try Self.folder(["image": "jpeg-frames.dcm", "mask": "seg.dcm", "other": "rgb.dcm"])
    let listing = try DICOMSource.listing(folder.url, options: ImportOptions())
    #expect(listing.leftOut.isEmpty)
    #expect(listing.items.count == 4)
    func shapes(_ index: Int) -> [LabelledShape] {
      if case .shapes(let shapes, _) = listing.items[index].mask { shapes } else { [] }
    }
    // Columns 3 to 8 of rows 2 to 4, then all columns of rows 7 to 11.
    let box = try RunLengths(
      width: 16, height: 12, counts: [35, 6, 10, 6, 10, 6, 119], order: .rows)
    #expect(shapes(0) == [LabelledShape(label: "Polyp", form: .runs(box))])
    let band = try RunLengths(width: 16, height: 12, counts: [112, 80], order: .rows)
    #expect(shapes(2) == [LabelledShape(label: "Polyp", form: .runs(band))])
    // The segmentation speaks of the image, so a frame that it leaves out has no lesion.
    guard case .empty = listing.items[1].mask, case .missing = listing.items[3].mask else {
      Issue.record("frame 2 is not empty, or the other image has a mask")
      return
    }
  }

  @Test("A segmentation of other images is left out")
  func strangeSegmentation() throws {
    let folder = try Self.folder(["image": "rgb.dcm", "mask": "seg.dcm"])
    let listing = try DICOMSource.listing(folder.url, options: ImportOptions())
    #expect(listing.items.count == 1)
    #expect(listing.leftOut.map(\.file) == ["mask"])
  }

  @Test("An overlay that mcdrl drew is left out, with one frame or several")
  func overlay() throws {
    let folder = try Self.folder(["image": "rgb.dcm", "frames": "jpeg-frames.dcm"])
    for name in ["image", "frames"] {
      let source = try DICOMFile(folder.file(name))
      try DICOMOverlay.write(
        source: source.url, algorithm: DICOMAlgorithm(), to: folder.file("\(name)-overlay.dcm")
      ) { try source.frame($0 - 1) }
    }
    let listing = try DICOMSource.listing(folder.url, options: ImportOptions())
    #expect(listing.items.count == 4)
    #expect(listing.leftOut.map(\.file) == ["frames-overlay.dcm", "image-overlay.dcm"])
    #expect(listing.leftOut.allSatisfy { $0.reason.contains("an overlay that mcdrl predict drew") })
    try FileManager.default.removeItem(at: folder.file("image"))
    try FileManager.default.removeItem(at: folder.file("frames"))
    let text = message { _ = try DICOMSource.listing(folder.url, options: ImportOptions()) }
    #expect(text.contains("frames-overlay.dcm: an overlay"), "\(text)")
  }

  @Test("A folder that is too deep is refused and not cut")
  func depth() throws {
    let folder = try Self.folder(["image": "rgb.dcm", String(repeating: "d/", count: 40) + "x": "rgb.dcm"])
    let text = message { _ = try DICOMSource.listing(folder.url, options: ImportOptions()) }
    #expect(text.contains("nested more than 32 deep"), "\(text)")
  }

  /// Imports a folder, and returns the files of the data folder by path, without records.
  private static func imported(_ source: URL, to data: URL) throws -> [String] {
    let kind = try ImportKind.named("dicom")
    let listing = try kind.listing(source, options: ImportOptions())
    _ = try SiteImport(
      listing, of: source, kind: kind.name, site: "a", data: data, options: ImportOptions()
    ).write()
    let found = FileManager.default.enumerator(atPath: data.path)?.compactMap { $0 as? String } ?? []
    return found.filter { $0.hasSuffix(".png") }.sorted()
  }

  @Test("Frames without a mask are no site, and are kept for prediction")
  func unlabelled() throws {
    let folder = try Self.folder(["x": "jpeg-frames.dcm"])
    let data = try TemporaryFolder("dicom-data")
    let files = try Self.imported(folder.url, to: data.url)
    #expect(files.count == 3 && files.allSatisfy { $0.hasPrefix("a/unlabelled/dicom-") })
    #expect(!FileManager.default.fileExists(atPath: data.file("sites.json5").path))
    #expect(!FileManager.default.fileExists(atPath: data.file("a/images").path))
    // A second import changes nothing.
    #expect(try Self.imported(folder.url, to: data.url) == files)
    let frame = try DICOMFile(folder.file("x")).frame(1)
    #expect(try ImageFile.read(data.file(files[1])) == frame)
  }

  @Test("Frames with masks become a site, the others stay beside it")
  func site() throws {
    let folder = try Self.folder(["image": "jpeg-frames.dcm", "mask": "seg.dcm", "other": "rgb.dcm"])
    let data = try TemporaryFolder("dicom-data")
    let files = try Self.imported(folder.url, to: data.url)
    #expect(files.filter { $0.hasPrefix("a/images/") }.count == 3)
    #expect(files.filter { $0.hasPrefix("a/masks/") }.count == 3)
    #expect(files.filter { $0.hasPrefix("a/unlabelled/") }.count == 1)
    let record = try String(contentsOf: data.file("a/import.json"), encoding: .utf8)
    for value in ["Zebrafink", "Ada"] { #expect(!record.contains(value)) }
    #expect(record.contains("\"image, frame 1\"") && record.contains("\"other\""))
    #expect(try SiteCatalog(at: data.url).sites.map(\.name) == ["a"])
  }

  @Test("Frames that have got a mask move from unlabelled to images, also after an interruption")
  func moved() throws {
    let plain = try Self.folder(["image": "jpeg-frames.dcm", "other": "rgb.dcm"])
    let both = try Self.folder(["image": "jpeg-frames.dcm", "mask": "seg.dcm", "other": "rgb.dcm"])
    let (data, fresh) = (try TemporaryFolder("dicom-data"), try TemporaryFolder("dicom-data"))
    let before = try Self.imported(plain.url, to: data.url)
    #expect(before.count == 4 && before.allSatisfy { $0.hasPrefix("a/unlabelled/") })
    let earlier = try Data(contentsOf: data.file("a/import.json"))
    let first = try #require(before.first { $0.hasSuffix("-00001.png") })
    let picture = try Data(contentsOf: data.file(first))

    let files = try Self.imported(both.url, to: data.url)
    #expect(try Self.imported(both.url, to: fresh.url) == files)
    #expect(files.filter { $0.hasPrefix("a/unlabelled/") }.count == 1)
    #expect(files.filter { $0.hasPrefix("a/images/") }.count == 3)
    func isFresh() throws -> Bool {
      try ["a/import.json", "sites.json5"].allSatisfy {
        try Data(contentsOf: data.file($0)) == Data(contentsOf: fresh.file($0))
      }
    }
    #expect(try isFresh())

    // As if the call had ended between a new image and the removal of the old one.
    try earlier.write(to: data.file("a/import.json"))
    try picture.write(to: data.file(first))
    try FileManager.default.removeItem(at: data.file("sites.json5"))
    #expect(try Self.imported(both.url, to: data.url) == files)
    #expect(try isFresh())

    // An image with a mask is never dropped.
    let text = message { _ = try Self.imported(plain.url, to: data.url) }
    #expect(text.contains("a/images/dicom-") && text.contains("this one has none"), "\(text)")
    #expect(try isFresh())
  }

  @Test("A changed or unlisted file of unlabelled is not removed, and an empty folder goes")
  func movedWithCare() throws {
    let plain = try Self.folder(["image": "jpeg-frames.dcm"])
    let both = try Self.folder(["image": "jpeg-frames.dcm", "mask": "seg.dcm"])
    let data = try TemporaryFolder("dicom-data")
    let files = try Self.imported(plain.url, to: data.url)
    let first = data.file(try #require(files.first))
    let picture = try Data(contentsOf: first)
    try Data("drawn upon".utf8).write(to: first)
    var text = message { _ = try Self.imported(both.url, to: data.url) }
    #expect(text.contains("differs from images/dicom-"), "\(text)")
    #expect(try Data(contentsOf: first) == Data("drawn upon".utf8))
    try picture.write(to: first)
    let own = data.file("a/unlabelled/mine.png")
    try picture.write(to: own)
    text = message { _ = try Self.imported(both.url, to: data.url) }
    #expect(text.contains("mine.png: is no file of this import"), "\(text)")
    try FileManager.default.removeItem(at: own)
    let all = try Self.imported(both.url, to: data.url)
    #expect(all.count == 6 && !all.contains { $0.hasPrefix("a/unlabelled/") })
    #expect(!FileManager.default.fileExists(atPath: data.file("a/unlabelled").path))
    #expect(try SiteCatalog(at: data.url).sites.map(\.samples.count) == [3])
  }

  @Test("A folder of DICOM is recognised, one of pictures is not")
  func recognised() throws {
    let folder = try Self.folder(["deep/er/IM1": "bare"])
    #expect(DICOMSource.recognises(folder.url))
    #expect(DICOMSource.recognises(folder.file("deep/er/IM1")))
    let pictures = try Self.folder(["x.jpg": "jpeg-ycbcr.jpg"])
    #expect(!DICOMSource.recognises(pictures.url))
    #expect(!DICOMSource.recognises(folder.file("nothing")))
  }

  @Test("A source without images says why")
  func nothing() throws {
    let folder = try Self.folder(["report": "report.dcm"])
    let text = message { _ = try DICOMSource.listing(folder.url, options: ImportOptions()) }
    #expect(text.contains(folder.url.lastPathComponent) && text.contains("without pictures"))
    let missing = message { _ = try DICOMSource.listing(folder.file("none"), options: ImportOptions()) }
    #expect(missing.contains("none"))
  }
}
