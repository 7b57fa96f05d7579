import Foundation
import Imaging
import Testing

extension ProgramTests {
  @Suite("Values of masks")
  struct MaskValueTests {
    /// A mask of 20×20 with a value in a square.
    private func square(_ value: UInt8, at place: Int) -> [UInt8] {
      (0..<400).map { (place..<place + 8).contains($0 % 20) && (6..<14).contains($0 / 20) ? value : 0 }
    }

    private func metrics(_ prediction: String, _ reference: String, _ shop: Workshop, _ more: [String] = [])
      throws
      -> Outcome
    {
      try Program.run(
        [
          "metrics", "--prediction", shop.file(prediction).path, "--reference", shop.file(reference).path,
          "--json",
        ]
          + more)
    }

    @Test("Masks of 0 and 1, or of any two values, score like those of 0 and 255, and the values are stated")
    func ones() throws {
      let shop = try Workshop()
      for (name, value) in [("white", 255), ("one", 1), ("grey", 100)] as [(String, UInt8)] {
        try shop.grey("p-\(name).png", width: 20, square(value, at: 4))
        try shop.grey("r-\(name).png", width: 20, square(value, at: 6))
      }
      func dice(_ outcome: Outcome) throws -> Double? {
        (try outcome.json() as? [String: Any])?["dice"] as? Double
      }
      for (prediction, reference) in [
        ("white", "white"), ("one", "one"), ("one", "white"), ("white", "grey"),
      ] {
        let outcome = try metrics("p-\(prediction).png", "r-\(reference).png", shop)
        #expect(try dice(outcome) == 0.75, "\(prediction) \(outcome.err)")
        #expect(outcome.err.contains("is lesion; references: 0 and "), "\(outcome.err)")
      }
      #expect(try metrics("p-one.png", "r-one.png", shop).out.contains("0 and 1, where 1 is lesion"))
    }

    @Test("A label map is refused with its values and the option that states them")
    func labels() throws {
      let shop = try Workshop()
      try shop.grey("p.png", width: 20, square(1, at: 4))
      let both = zip(square(1, at: 6), square(2, at: 14)).map { max($0, $1) }
      try shop.grey("r.png", width: 20, both.map { $0 })
      let refused = try metrics("p.png", "r.png", shop)
      #expect(refused.code == 1 && refused.err.contains("--reference-values"), "\(refused.err)")
      #expect(refused.err.contains("0, 1, 2") && refused.err.contains(shop.file("r.png").path))
      let stated = try metrics("p.png", "r.png", shop, ["--reference-values", "1"])
      #expect(stated.code == 0 && stated.out.contains("(stated)"), "\(stated.err)")
      #expect(
        try metrics("p.png", "r.png", shop, ["--reference-values", "grey"]).out.contains("grey levels"))
      #expect(try metrics("p.png", "r.png", shop, ["--reference-values", "a"]).code == 2)
    }

    @Test("Two folders of one pair have the form of folders, and what predict wrote is found by its names")
    func folders() throws {
      let shop = try Workshop()
      try shop.grey("r/x.png", width: 20, square(255, at: 6))
      for name in ["p/x.png", "q/x-mask.png", "q/x-overlay.png"] {
        try shop.grey(name, width: 20, square(255, at: 4))
      }
      try shop.grey("q/x-probability.png", width: 20, (0..<400).map { UInt8($0 % 256) })
      func keys(_ outcome: Outcome) throws -> Set<String> {
        Set((try outcome.json() as? [String: Any] ?? [:]).keys)
      }
      let one = try metrics("p", "r", shop)
      #expect(try keys(one).isSuperset(of: ["n", "metrics", "mask_values"]), "\(one.out)")
      let predicted = try metrics("q", "r", shop)
      #expect(
        predicted.err.contains("end in -mask") && predicted.err.contains("2 predictions"), "\(predicted.err)")
      #expect(try keys(predicted) == keys(one))
      #expect(try metrics("q", "r", shop, ["--protocol", "pranet"]).err.contains("end in -probability"))
      try shop.grey("r/y.png", width: 20, square(255, at: 6))
      try shop.grey("p/y.png", width: 20, square(255, at: 6))
      #expect(try keys(metrics("p", "r", shop)) == keys(one))
      #expect(try keys(metrics("p/x.png", "r/x.png", shop)).isDisjoint(with: ["n", "metrics"]))
    }

    @Test("A training reads masks of 0 and 1 and says so; it refuses two conventions and empty masks")
    func training() throws {
      let shop = try Workshop()
      /// Writes the masks of a site again with another value.
      func rewrite(_ site: String, _ value: UInt8) throws {
        for index in 0..<8 {
          let path = "data/\(site)/masks/\(index).png"
          let mask = try MaskFile.read(shop.file(path))
          try shop.grey(path, width: mask.width, mask.pixels.map { $0 > 0 ? value : 0 })
        }
      }
      try rewrite("a", 1)
      let trained = try Program.run(shop.training("run", epochs: 1))
      #expect(trained.code == 0, "\(trained.err)")
      #expect(trained.err.contains("0 and 1, where 1 is lesion (a)"), "\(trained.err)")
      #expect(trained.err.contains("0 and 255, where 255 is lesion (b)"), "\(trained.err)")

      try shop.grey("data/b/masks/5.png", width: 45, (0..<45 * 32).map { $0 % 45 < 9 ? 1 : 0 })
      let mixed = try Program.run(shop.training("mixed", epochs: 1))
      #expect(mixed.code == 1 && mixed.err.contains("two conventions"), "\(mixed.err)")
      #expect(mixed.err.contains(shop.file("data/b/masks/5.png").path))
      #expect(!FileManager.default.fileExists(atPath: shop.file("mixed/config.json").path))

      for site in ["a", "b"] {
        for index in 0..<8 {
          try shop.grey(
            "data/\(site)/masks/\(index).png", width: 40 + index,
            [UInt8](repeating: 0, count: (40 + index) * 32))
        }
      }
      let empty = try Program.run(shop.training("empty", epochs: 1))
      #expect(empty.code == 1 && empty.err.contains("all masks of a, b are empty"), "\(empty.err)")
    }
  }
}
