import Foundation
import Imaging
import Testing

extension ProgramTests {
  @Suite("Exports of data")
  struct DataExportTests {
    @Test("A data folder is written in each format, once")
    func formats() throws {
      let shop = try Workshop()
      for (format, file) in [
        ("coco", "annotations/instances_default.json"), ("cvat", "annotations.xml"),
        ("labelme", "a/0.json"), ("label-studio", "tasks.json"), ("nnunet", "Dataset001_MCDRL/dataset.json"),
      ] {
        let words = ["data", "export", shop.data.path, "--to", format, "--out", shop.file(format).path]
        let outcome = try Program.run(words)
        #expect(outcome.code == 0 && outcome.out.contains("24 images"), "\(outcome.out)\(outcome.err)")
        #expect(outcome.out.contains("lesion 1"), "\(outcome.out)")
        #expect(FileManager.default.fileExists(atPath: shop.file("\(format)/\(file)").path), "\(format)")
        let again = try Program.run(words)
        #expect(again.code == 1 && again.err.contains("not empty"), "\(again.err)")
      }
    }

    @Test("One site and a name for its lesions can be chosen, and JSON has the counts")
    func choices() throws {
      let shop = try Workshop()
      try FileManager.default.removeItem(at: shop.file("data/a/masks/3.png"))
      let outcome = try Program.run(
        "data", "export", shop.data.path, "--to", "coco", "--site", "a", "--label", "polyp", "--json",
        "--out", shop.file("out").path)
      #expect(outcome.code == 0, "\(outcome.err)")
      let report = try #require(outcome.json() as? [String: Any])
      let counts = try #require(report["export"] as? [String: Any])
      #expect(counts["images"] as? Int == 7 && counts["regions"] as? Int == 7)
      #expect(counts["labels"] as? [String: Int] == ["polyp": 1])
      #expect((report["left_out"] as? [[String: Any]])?.count == 1)
      #expect(outcome.err.contains("left out: 1 image") && outcome.err.contains("it has no mask"))
      // One site needs no folder of its own.
      #expect(FileManager.default.fileExists(atPath: shop.file("out/images/0.png").path))
    }

    @Test("Without --out the folder is in the working folder, named after source and format")
    func standardPlace() throws {
      let shop = try Workshop()
      let outcome = try Program.run(["data", "export", "data", "--to", "coco"], from: shop.url)
      #expect(outcome.code == 0, "\(outcome.err)")
      let file = shop.file("data-coco/annotations/instances_default.json").path
      #expect(FileManager.default.fileExists(atPath: file))
    }

    @Test("Wrong words and sources are refused with the fix")
    func refusals() throws {
      let shop = try Workshop()
      let out = shop.file("out").path
      let film = shop.file("predictions/film")
      try FileManager.default.createDirectory(at: film, withIntermediateDirectories: true)
      for name in ["frames.jsonl", "summary.json"] {
        try Data("{}\n".utf8).write(to: film.appendingPathComponent(name))
      }
      for source in [film, film.deletingLastPathComponent()] {
        let video = try Program.run("data", "export", source.path, "--to", "coco", "--out", out)
        #expect(video.code == 1 && video.err.contains("mcdrl data import video"), "\(video.err)")
      }
      let format = try Program.run("data", "export", shop.data.path, "--to", "coko", "--out", out)
      #expect(format.code == 2 && format.err.contains("coco"), "\(format.err)")
      let site = try Program.run(
        "data", "export", shop.data.path, "--to", "coco", "--site", "z", "--out", out)
      #expect(site.code == 1 && site.err.contains("\"z\" does not exist"), "\(site.err)")
      try FileManager.default.createDirectory(at: shop.file("p"), withIntermediateDirectories: true)
      try Data("{\"image\": \"x.png\"}\n".utf8).write(to: shop.file("p/predictions.jsonl"))
      let record = try Program.run("data", "export", shop.file("p").path, "--to", "coco", "--out", out)
      #expect(record.code == 1 && record.err.contains("predictions.jsonl: line 1"), "\(record.err)")
      let both = try Program.run(
        "data", "export", shop.file("p").path, "--to", "coco", "--site", "a", "--out", out)
      #expect(both.code == 2 && both.err.contains("predictions have no sites"), "\(both.err)")
      let inside = try Program.run(["data", "export", ".", "--to", "coco"], from: shop.data)
      #expect(inside.code == 2 && inside.err.contains("lies in the source"), "\(inside.err)")
      let name = try Program.run(
        "data", "export", shop.data.path, "--to", "coco", "--dataset", "clinic", "--out", out)
      #expect(name.code == 2 && name.err.contains("--dataset clinic: only --to nnunet"), "\(name.err)")
      let stated = "{sites: [{name: 'a', labels: {polyp: 255}}, {name: 'b', labels: {polyp: 255}}]}"
      try Data(stated.utf8).write(to: shop.file("data/sites.json5"))
      let label = try Program.run(
        "data", "export", shop.data.path, "--to", "coco", "--label", "tumour", "--site", "a", "--out", out)
      #expect(label.code == 2 && label.err.contains("labels of its own (polyp)"), "\(label.err)")
      // A refused export leaves no folder behind.
      #expect(!FileManager.default.fileExists(atPath: out))
    }
  }
}
