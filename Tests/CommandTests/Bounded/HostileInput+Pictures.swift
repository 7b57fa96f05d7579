import Foundation

extension HostileInput {
  private typealias Make = HostilePictures

  /// Pictures of each format that the command reads.
  static let pictures: [HostileInput] = [
    HostileInput("PNG of 20,000 × 2 pixels, shortest side to 128") { folder in
      let settings = try text("Models/tiny/preprocessor_config.json")
        .replacingOccurrences(
          of: #""size" : \{[^}]*\}"#, with: #""size" : { "shortest_edge" : 128 }"#,
          options: .regularExpression
        )
        .replacingOccurrences(of: #""do_center_crop" : false"#, with: #""do_center_crop" : true"#)
      let file = folder.appendingPathComponent("thin.png")
      try Make.png(width: 20_000, height: 2, bytes: 2 * 20_001).write(to: file)
      return embedding(file, try clip(folder, "preprocessor_config.json", Data(settings.utf8)).path, folder)
    },
    picture("PNG that promises 30,000 × 30,000 pixels", "png", refused: "30000 × 30000") {
      Make.png(width: 30_000, height: 30_000, bytes: 100)
    },
    picture(
      "PNG that promises 100 million pixels of 64 bits, cut short", "png", refused: "x.png", memory: 2200
    ) {
      Make.png(width: 10_000, height: 10_000, depth: 16, colour: 6, bytes: 100)
    },
    picture("PNG of 64 pixels with 1 GB of surplus samples", "png") {
      Make.png(width: 8, height: 8, bytes: 1 << 30)
    },
    picture("PNG with a colour profile of 1 GB", "png") {
      let profile = Data("x\0\0".utf8) + Make.zeros(1 << 30)
      return Make.png(width: 8, height: 8, bytes: 72, extra: Make.chunk("iCCP", profile))
    },
    picture("PNG with a text of 1 GB", "png") {
      let text = Data("x\0\0".utf8) + Make.zeros(1 << 30)
      return Make.png(width: 8, height: 8, bytes: 72, extra: Make.chunk("zTXt", text))
    },
    picture("PNG with 300,000 texts", "png") {
      let chunk = Make.chunk("tEXt", Data("x\0a".utf8))
      let extra = (0..<300_000).reduce(into: Data()) { data, _ in data += chunk }
      return Make.png(width: 8, height: 8, bytes: 72, extra: extra)
    },
    picture("JPEG that promises 65,500 × 65,500 pixels", "jpg", refused: "65500 × 65500") {
      var data = Make.progressive(width: 8, height: 8, scans: 1)
      let frame = data.range(of: Data([0xFF, 0xC2]))?.lowerBound ?? 0
      data.replaceSubrange(frame + 5..<frame + 9, with: [0xFF, 0xDC, 0xFF, 0xDC])
      return data
    },
    picture("JPEG of 6.25 million pixels in 499 scans", "jpg", memory: 1400, seconds: 60) {
      Make.progressive(width: 2500, height: 2500, scans: 499)
    },
    picture("JPEG of 800 scans", "jpg", refused: "more than 500 scans") {
      Make.progressive(width: 800, height: 800, scans: 800)
    },
    picture("JPEG with 100 MB before its frame", "jpg", refused: "x.jpg: damaged JPEG", memory: 1600) {
      Data([0xFF, 0xD8]) + Data(repeating: 0xFF, count: 100_000_000)
    },
    picture("TIFF that promises 2³¹ × 2³¹ pixels", "tif", refused: "x.tif") {
      Make.tiff(Make.entries(width: 1 << 31 - 1, height: 1 << 31 - 1, rows: 1, bytes: 3), Data(count: 3))
    },
    picture("TIFF of 4 million pixels with 1 GB in one strip", "tif", seconds: 60) {
      let strip = Make.zeros(1 << 30)
      return Make.tiff(
        Make.entries(width: 2000, height: 2000, compression: 8, bytes: strip.count), strip)
    },
    picture("TIFF of 64 pixels in a tile of 2⁴⁰", "tif", refused: "too large for the picture") {
      let tile = Make.zeros(1 << 20)
      let entries: [Make.Entry] = [
        (256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1),
        (322, 4, 1, 1 << 20), (323, 4, 1, 1 << 20), (324, 4, 1, 8), (325, 4, 1, tile.count),
      ]
      return Make.tiff(entries, tile)
    },
    picture("TIFF with tags of 2³² − 1 values", "tif") {
      var entries = Make.entries(width: 8, height: 8, bytes: 64)
      for index in entries.indices where [273, 279].contains(entries[index].tag) {
        entries[index].count = 1 << 32 - 1
      }
      return Make.tiff(entries, Data(count: 64))
    },
    picture("TIFF of 60,000 directories", "tif", refused: "more than 4096 pages") {
      Make.tiff(Make.entries(width: 8, height: 8, bytes: 64), Data(count: 64), directories: 60_000)
    },
    picture("TIFF whose directory follows itself", "tif", refused: "x.tif") {
      Make.tiff(Make.entries(width: 8, height: 8, bytes: 64), Data(count: 64), isRing: true)
    },
    picture("TIFF of 65,000 tags", "tif", refused: "x.tif") {
      let more: [Make.Entry] = (0..<65_000).map { (40_000 + $0 % 25_000, 3, 1, 0) }
      return Make.tiff(Make.entries(width: 8, height: 8, bytes: 64) + more, Data(count: 64))
    },
    picture("BMP that promises 2³¹ × 2³¹ pixels", "bmp", refused: "x.bmp") {
      Make.bmp(width: 1 << 31 - 1, height: 1 << 31 - 1, bits: 24, Data(count: 3))
    },
    picture("BMP that promises 10,000 × 10,000 pixels, cut short", "bmp", refused: "ends before its last row")
    {
      Make.bmp(width: 10_000, height: 10_000, bits: 24, Data(count: 3))
    },
    map("map of 16 bits that promises 30,000 × 30,000 pixels", refused: "30000 × 30000") {
      Make.png(width: 30_000, height: 30_000, depth: 16, bytes: 100)
    },
    map("map of 16 bits and 64 pixels with 1 GB of surplus samples") {
      Make.png(width: 8, height: 8, depth: 16, bytes: 1 << 30)
    },
  ]

  /// A row of a map of probabilities that is scored with a mask of 64 pixels.
  private static func map(
    _ row: String, refused: String? = nil, _ content: @escaping @Sendable () throws -> Data
  ) -> HostileInput {
    HostileInput(row, refused: refused) { folder in
      let (map, mask) = (
        folder.appendingPathComponent("x-probability.png"), folder.appendingPathComponent("y.png")
      )
      try content().write(to: map)
      try Make.png(width: 8, height: 8, bytes: 72).write(to: mask)
      return ["metrics", "--prediction", map.path, "--reference", mask.path]
    }
  }

  /// The most pixels that are read.
  static let largest: [HostileInput] = [
    picture("PNG of 100 million pixels of 64 bits", "png", memory: 3000, seconds: 60) {
      Make.png(width: 10_000, height: 10_000, depth: 16, colour: 6, bytes: 10_000 * 80_001)
    },
    picture("PNG of 50,000,000 × 2 pixels", "png", memory: 2200, seconds: 60) {
      Make.png(width: 50_000_000, height: 2, bytes: 2 * 50_000_001)
    },
    picture("JPEG of 100 million pixels in 499 scans", "jpg", memory: 2200, seconds: 60) {
      Make.progressive(width: 10_000, height: 10_000, scans: 499)
    },
    picture("TIFF of 100 million pixels of 16 bits in one strip", "tif", memory: 2200, seconds: 60) {
      let strip = Make.zeros(200_000_000)
      return Make.tiff(
        Make.entries(width: 10_000, height: 10_000, bits: 16, compression: 8, bytes: strip.count), strip)
    },
  ]
}
