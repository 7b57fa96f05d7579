import Foundation
import Imaging
import Testing

extension ProgramTests {
  @Suite("Inputs and results of predict")
  struct PredictTests {
    func lines(_ file: URL) throws -> [[String: Any]] {
      try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
    }

    func trained() throws -> (shop: Workshop, run: String) {
      let shop = try Workshop()
      let training = try Program.run(shop.training("run", epochs: 1))
      try #require(training.code == 0, "\(training.err)")
      return (shop, shop.file("run").path)
    }

    @Test("Each line has the lesions with boxes, contours and confidence, and COCO has the same")
    func lesions() throws {
      let (shop, run) = try trained()
      let out = shop.file("out")
      // Every pixel is lesion.
      let outcome = try Program.run(
        "predict", run, shop.file("data/c/images").path, "--out", out.path, "--format", "mask,coco",
        "--threshold", "0")
      try #require(outcome.code == 0, "\(outcome.err)")
      let found = try lines(out.appendingPathComponent("predictions.jsonl"))
      #expect(found.count == 8)
      for (index, line) in found.enumerated() {
        let width = 40 + index
        #expect(line["name"] as? String == "\(index)" && line["frame"] == nil)
        #expect(line["files"] as? [String] == ["\(index).png"])
        #expect(line["lesion_area"] as? Int == width * 32 && line["lesion_share"] as? Double == 1)
        #expect(line["lesion_count"] as? Int == 1)
        let lesion = try #require((line["lesions"] as? [[String: Any]])?.first)
        #expect(lesion["box"] as? [Int] == [0, 0, width, 32] && lesion["area"] as? Int == width * 32)
        let ring = try #require((lesion["contours"] as? [[[Int]]])?.first)
        #expect(Set(ring) == [[0, 0], [width, 0], [width, 32], [0, 32]])
        let confidence = try #require(line["confidence"] as? [String: Double])
        #expect(
          Set(confidence.keys) == ["lesion_mean", "lesion_lowest", "image_mean", "image_lowest"])
        #expect((0.5...1).contains(confidence["image_lowest"] ?? 0))
        for key in ["precision", "decoding", "threshold", "passes", "image", "height"] {
          #expect(line[key] != nil, "\(key)")
        }
      }
      let coco = try #require(
        try JSONSerialization.jsonObject(
          with: Data(contentsOf: out.appendingPathComponent("predictions.coco.json"))) as? [String: Any])
      let images = try #require(coco["images"] as? [[String: Any]])
      #expect(images.map { $0["file_name"] as? String } == (0..<8).map { "\($0).png" })
      let annotations = try #require(coco["annotations"] as? [[String: Any]])
      #expect(annotations.count == 8 && annotations[3]["image_id"] as? Int == 4)
      let runs = try #require(annotations[3]["segmentation"] as? [String: [Int]])
      #expect(runs["size"] == [32, 43] && runs["counts"] == [0, 32 * 43])
      #expect(annotations[3]["bbox"] as? [Int] == [0, 0, 43, 32])
      #expect((0...1).contains(annotations[3]["score"] as? Double ?? -1))
      #expect((coco["categories"] as? [[String: Any]])?.map { $0["name"] as? String } == ["lesion"])

      let tracks = try Program.run(
        "predict", run, shop.file("data/c/images").path, "--out", shop.file("no").path, "--tracks",
        "none,mask")
      #expect(tracks.code == 2 && tracks.err.contains("--tracks"), "\(tracks.err)")
      let alone = try Program.run(
        "predict", run, shop.file("data/c/images/0.png").path, "--out", shop.file("alone").path, "--format",
        "coco", "--threshold", "1")
      #expect(alone.code == 0, "\(alone.err)")
      let names = try FileManager.default.contentsOfDirectory(atPath: shop.file("alone").path)
      #expect(Set(names.filter { !$0.hasPrefix(".") }) == ["predictions.coco.json", "predictions.jsonl"])
      let line = try #require(try lines(shop.file("alone/predictions.jsonl")).first)
      #expect(line["lesion_count"] as? Int == 0 && (line["lesions"] as? [Any])?.isEmpty == true)
      #expect((line["confidence"] as? [String: Any])?["lesion_mean"] == nil)
    }

    @Test("Lines have the order of the inputs without a failed image, which does not cost the others theirs")
    func order() throws {
      let (shop, run) = try trained()
      let bad = shop.file("bad.png")
      try Data("no image".utf8).write(to: bad)
      let files = [7, 3, 5].map { shop.file("data/c/images/\($0).png").path }
      let out = shop.file("out")
      let outcome = try Program.run(
        ["predict", run, files[0], bad.path] + files[1...] + ["--out", out.path, "--format", "coco"])
      #expect(outcome.code == 1 && outcome.err.contains("bad.png"), "\(outcome.err)")
      let found = try lines(out.appendingPathComponent("predictions.jsonl"))
      #expect(found.map { $0["name"] as? String } == ["7", "3", "5"])
      let names = try FileManager.default.contentsOfDirectory(atPath: out.path)
      #expect(Set(names.filter { !$0.hasPrefix(".") }) == ["predictions.coco.json", "predictions.jsonl"])

      let none = try Program.run("predict", run, bad.path, "--out", shop.file("none").path)
      #expect(none.code == 1 && none.err.contains("bad.png"), "\(none.err)")
      let rest = (try? FileManager.default.contentsOfDirectory(atPath: shop.file("none").path)) ?? []
      #expect(!rest.contains { $0.hasPrefix("predictions") }, "\(rest)")
    }

    @Test("Probabilities of 16 bits, as PNG or TIFF, score as the masks do")
    func probabilities() throws {
      let (shop, run) = try trained()
      let images = shop.file("data/c/images").path
      func scores(_ folder: String) throws -> [Double?] {
        let outcome = try Program.run(
          "metrics", "--prediction", shop.file(folder).path, "--reference", shop.file("data/c/masks").path,
          "--json")
        try #require(outcome.code == 0, "\(outcome.err)")
        let metrics = try #require(
          (try outcome.json() as? [String: Any])?["metrics"] as? [String: [String: Any]])
        return ["dice", "iou", "accuracy"].map { metrics[$0]?["mean"] as? Double }
      }
      for format in ["mask", "probability", "probability-tiff"] {
        let outcome = try Program.run(
          "predict", run, images, "--out", shop.file(format).path, "--format", format)
        try #require(outcome.code == 0, "\(outcome.err)")
      }
      #expect(try Data(contentsOf: shop.file("probability/0.png"))[24] == 16, "bits a sample in the header")
      let (png, tiff) = (
        try ImageFile.read(shop.file("probability/3.png")),
        try ImageFile.read(shop.file("probability-tiff/3.tif"))
      )
      #expect(png == tiff && png.width == 43)
      #expect(try scores("mask").last??.isFinite == true)
      #expect(try scores("probability") == scores("mask"))
      #expect(try scores("probability-tiff") == scores("mask"))

      let both = try Program.run(
        "predict", run, images, "--out", shop.file("no").path, "--format", "probability,probability-tiff")
      #expect(both.code == 2 && both.err.contains("choose one of them"), "\(both.err)")
    }

    @Test("DICOM files are inputs beside images: frames have numbers, and other inputs have no DICOM results")
    func dicom() throws {
      let (shop, run) = try trained()
      let folder = shop.file("in")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: shop.file("data/c/images/0.png"), to: folder.appendingPathComponent("a.png"))
      try SmallDICOM.data(frames: 2).write(to: folder.appendingPathComponent("b.dcm"))
      // Without an ending, as archives name their files.
      try SmallDICOM.data(frames: 1).write(to: folder.appendingPathComponent("1.2.3"))
      try Data("notes".utf8).write(to: folder.appendingPathComponent("notes.txt"))
      // A result of others is no image.
      try FileManager.default.copyItem(
        at: Program.root.appendingPathComponent("Tests/ImagingTests/Fixtures/dicom/seg.dcm"),
        to: folder.appendingPathComponent("seg.dcm"))
      let out = shop.file("out")
      let outcome = try Program.run(
        "predict", run, folder.path, "--out", out.path, "--format", "mask,overlay")
      #expect(outcome.err.contains("left out: ") && outcome.err.contains("notes.txt"))
      #expect(!outcome.err.contains("SECRET") && !outcome.out.contains("SECRET"))
      let record = try lines(out.appendingPathComponent("predictions.jsonl"))
      guard !outcome.err.contains("built without DICOM") else {
        #expect(outcome.code == 1 && record.map { $0["name"] as? String } == ["a"])
        #expect(outcome.err.contains("libdcmtk-dev") && outcome.err.contains("b.dcm"), "\(outcome.err)")
        return
      }
      #expect(outcome.code == 0, "\(outcome.err)")
      #expect(record.map { $0["name"] as? String } == ["1.2.3", "a", "b-0001", "b-0002"])
      #expect(record.map { $0["frame"] as? Int } == [nil, nil, 1, 2])
      let names = try FileManager.default.contentsOfDirectory(atPath: out.path)
      #expect(names.contains("b-0002-overlay.png") && names.contains("1.2.3-mask.png"), "\(names)")
      let mask = try ImageFile.read(out.appendingPathComponent("b-0001-mask.png"))
      #expect(mask.width == 24 && mask.height == 16)
      let text = try String(contentsOf: out.appendingPathComponent("predictions.jsonl"), encoding: .utf8)
      #expect(!text.contains("SECRET"))

      let mixed = try Program.run(
        "predict", run, folder.path, "--out", shop.file("no").path, "--format", "dicom-seg")
      #expect(mixed.code == 2 && mixed.err.contains("a.png is not an image in a DICOM file"), "\(mixed.err)")
      let alone = try Program.run(
        "predict", run, folder.path, "--out", shop.file("no").path, "--all-frames")
      #expect(alone.code == 2 && alone.err.contains("--all-frames"), "\(alone.err)")
      let file = folder.appendingPathComponent("b.dcm").path
      let objects = try Program.run(
        "predict", run, file, "--out", shop.file("objects").path, "--format", "dicom-seg,dicom-overlay",
        "--threshold", "0")
      #expect(objects.code == 0, "\(objects.err)")
      for name in ["b-seg.dcm", "b-overlay.dcm"] {
        let content = try Data(contentsOf: shop.file("objects/\(name)"))
        #expect(content.count > 132 && Array(content[128..<132]) == Array("DICM".utf8), "\(name)")
      }
      let listed = try lines(shop.file("objects/predictions.jsonl")).map { $0["files"] as? [String] }
      #expect(listed == [["b-seg.dcm", "b-overlay.dcm"], ["b-seg.dcm", "b-overlay.dcm"]], "\(listed)")

      // An archive exports series in folders, with files of the same names.
      let archive = shop.file("archive")
      for series in ["one", "two"] {
        let place = archive.appendingPathComponent("study/\(series)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        try SmallDICOM.data(frames: series == "one" ? 1 : 2).write(to: place.appendingPathComponent("0.dcm"))
      }
      let nested = try Program.run(
        "predict", run, archive.path, "--out", shop.file("nested").path, "--format", "dicom-overlay")
      #expect(nested.code == 0, "\(nested.err)")
      let series = try lines(shop.file("nested/predictions.jsonl"))
      #expect(
        series.map { $0["name"] as? String } == ["study-one-0", "study-two-0-0001", "study-two-0-0002"])
      #expect(series.last?["files"] as? [String] == ["study-two-0-overlay.dcm"])

      // The results of an earlier call are no inputs of a folder, but an overlay that is named is one.
      let overlay = shop.file("objects/b-overlay.dcm")
      try FileManager.default.moveItem(at: overlay, to: folder.appendingPathComponent("b-overlay.dcm"))
      let again = try Program.run("predict", run, folder.path, "--out", shop.file("again").path)
      #expect(again.code == 0, "\(again.err)")
      #expect(again.err.contains("left out: 1 overlay that mcdrl predict drew"), "\(again.err)")
      let rest = try lines(shop.file("again/predictions.jsonl"))
      #expect(rest.map { $0["name"] as? String } == ["1.2.3", "a", "b-0001", "b-0002"])
      let named = try Program.run(
        "predict", run, folder.appendingPathComponent("b-overlay.dcm").path, "--out", shop.file("named").path)
      #expect(named.code == 0, "\(named.err)")
      #expect(try lines(shop.file("named/predictions.jsonl")).count == 2)
    }

    @Test("The run folder is no folder for results, also under another name")
    func runFolder() throws {
      let (shop, run) = try trained()
      let image = shop.file("data/c/images/0.png").path
      let link = shop.file("link")
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: shop.file("run"))
      let before = try FileManager.default.contentsOfDirectory(atPath: run).sorted()
      for command in ["predict", "explain"] {
        for out in [run, run + "/", link.path] {
          let outcome = try Program.run(command, run, image, "--out", out)
          #expect(outcome.code == 2 && outcome.err.contains("holds the run itself"), "\(outcome.err)")
          #expect(outcome.err.contains("give another folder"), "\(outcome.err)")
        }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: run).sorted() == before)
      let inside = try Program.run("predict", run, image, "--out", run + "/predictions")
      #expect(inside.code == 0, "\(inside.err)")
    }

    @Test("A DICOM file that states more frames than it holds is an error that names it")
    func frameCount() throws {
      let (shop, run) = try trained()
      let file = shop.file("many.dcm")
      try SmallDICOM.data(frames: 1, stated: 2_000_000_000).write(to: file)
      let outcome = try Program.run("predict", run, file.path, "--out", shop.file("out").path)
      #expect(outcome.code == 1 && outcome.err.contains(file.path), "\(outcome.err.suffix(300))")
      #expect(outcome.err.utf8.count < 10_000)
    }

    @Test("explain takes frames, and times belong to videos")
    func explained() throws {
      let (shop, run) = try trained()
      let image = shop.file("data/c/images/0.png").path
      let at = try Program.run("explain", run, image, "--out", shop.file("no").path, "--at", "1")
      #expect(at.code == 2 && at.err.contains("no input is a video"), "\(at.err)")
      let site = try Program.run("explain", run, "--site", "c", "--out", shop.file("no").path, "--at", "1")
      #expect(site.code == 2 && site.err.contains("--at 1"), "\(site.err)")
      let file = shop.file("b.dcm")
      try SmallDICOM.data(frames: 2).write(to: file)
      let frames = try Program.run(
        "explain", run, file.path, "--out", shop.file("why").path, "--sweep", "none")
      guard !frames.err.contains("built without DICOM") else { return }
      #expect(frames.code == 0 && frames.out.contains("2 of 2 images explained"), "\(frames.err)")
      #expect(
        FileManager.default.fileExists(atPath: shop.file("why/maps/b-0002.safetensors").path))
    }
  }
}
