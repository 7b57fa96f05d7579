import Foundation
import Testing

extension ProgramTests.PredictTests {
  @Test("A video beside an image has a folder of its own, and its frames are explained at their times")
  func frames() throws {
    let (shop, run) = try trained()
    let video = Program.root.appendingPathComponent("Tests/ImagingTests/Fixtures/video/steady.mp4").path
    let image = shop.file("data/c/images/0.png").path
    let out = shop.file("out")
    let outcome = try Program.run(
      "predict", run, image, video, "--out", out.path, "--json", "--format", "mask,coco")
    guard !outcome.err.contains("built without FFmpeg") else {
      #expect(outcome.code == 1 && outcome.err.contains(video), "\(outcome.err)")
      return
    }
    #expect(outcome.code == 0, "\(outcome.err)")
    let entries = try #require(try outcome.json() as? [[String: Any]])
    #expect(entries.count == 2 && entries[0]["name"] as? String == "0")
    #expect(entries[1]["video"] as? String == video)
    #expect(outcome.err.contains("videos write the videos of --tracks"), "\(outcome.err)")
    #expect(try lines(out.appendingPathComponent("predictions.jsonl")).count == 1)
    #expect(try lines(out.appendingPathComponent("steady/frames.jsonl")).count == 10)

    let spread = try Program.run(
      "explain", run, video, "--out", shop.file("why").path, "--sweep", "none")
    #expect(spread.code == 0 && spread.out.contains("5 of 5 images explained"), "\(spread.err)")
    let chosen = try Program.run(
      "explain", run, video, "--out", shop.file("at").path, "--sweep", "none", "--at", "0.2,0.04")
    #expect(chosen.code == 0, "\(chosen.err)")
    for time in ["0000.040", "0000.200"] {
      let file = shop.file("at/maps/steady-\(time)s.safetensors").path
      #expect(FileManager.default.fileExists(atPath: file), "\(time)")
    }
    let late = try Program.run(
      "explain", run, video, "--out", shop.file("late").path, "--sweep", "none", "--at", "9")
    #expect(late.code == 1 && late.err.contains("the last one is at 0.36 s"), "\(late.err)")
  }

  @Test("A video that cannot be read is named and does not stop the images")
  func video() throws {
    let (shop, run) = try trained()
    let file = shop.file("broken.mp4")
    try Data("no video".utf8).write(to: file)
    let outcome = try Program.run(
      "predict", run, shop.file("data/c/images/0.png").path, file.path, "--out", shop.file("out").path)
    #expect(outcome.code == 1 && outcome.err.contains("broken.mp4"), "\(outcome.err)")
    #expect(FileManager.default.fileExists(atPath: shop.file("out/0.png").path))
  }
}
