import Foundation

extension HostileInput {
  /// Files of a CLIP, and texts.
  static let documents: [HostileInput] = [
    configuration("config.json with 2³¹ layers", "num_hidden_layers", 1 << 31),
    configuration("config.json with 2⁶³ − 1 layers", "num_hidden_layers", .max),
    configuration("config.json with images of 2⁴⁰ pixels a side", "image_size", 1 << 40),
    HostileInput("config.json whose weights take 4 TB", refused: "config.json") { folder in
      let settings = try text("Models/tiny/config.json")
        .replacingOccurrences(of: #""hidden_size" : 128"#, with: #""hidden_size" : 65536"#)
        .replacingOccurrences(of: #""vocab_size" : 620"#, with: #""vocab_size" : 16777216"#)
      return ["clip", "info", try clip(folder, "config.json", Data(settings.utf8)).path]
    },
    information("config.json nested 1,000,000 deep", "config.json", refused: "nested more than 500 deep") {
      repeated("[", 1_000_000)
    },
    information("config.json of 100 MB", "config.json", refused: "more than 64 MiB") {
      Data(repeating: 0x20, count: 100_000_000)
    },
    information(
      "config.json of 3 million numbers", "config.json", refused: "more than 2000000 values", seconds: 100
    ) { repeated("[1,", 1) + repeated("1,", 3_000_000) },
    information(
      "safetensors with a header of 2⁶³ bytes", "model.safetensors", refused: "beyond the format's limit"
    ) { safetensors(Data("{}".utf8), size: 1 << 63) },
    information(
      "safetensors with a header of 101 MB", "model.safetensors", refused: "model.safetensors", memory: 1600
    ) { safetensors(Data(repeating: 0x20, count: 101_000_000)) },
    information("safetensors nested 10 million deep", "model.safetensors", refused: "nested too deeply") {
      safetensors(repeated("[", 10_000_000))
    },
    information("safetensors with a side of 2⁶²", "model.safetensors", refused: "overflows") {
      safetensors(
        Data(#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#.utf8), tensors: 4)
    },
    information(
      "safetensors of 100,000 tensors", "model.safetensors", refused: "model.safetensors", seconds: 60
    ) {
      let tensors = (0..<100_000).map { #""t\#($0)":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"# }
      return safetensors(Data("{\(tensors.joined(separator: ","))}".utf8))
    },
    HostileInput("safetensors of 4 TB, all holes", refused: "model.safetensors") { folder in
      let clip = try clip(folder, "model.safetensors", Data("{}".utf8))
      let file = try FileHandle(forWritingTo: clip.appendingPathComponent("model.safetensors"))
      try file.truncate(atOffset: 1 << 42)
      return ["clip", "info", clip.path]
    },
    tokenizing("vocabulary of 200,000 more tokens", "vocab.json", seconds: 60) {
      let words = (0..<200_000).map { ",\"q\($0)\":\(1000 + $0)" }.joined()
      let old = try text("Models/tiny/vocab.json")
      return Data("\(old[..<(old.lastIndex(of: "}") ?? old.endIndex)])\(words)}".utf8)
    },
    tokenizing("merges with a line of 20 MB", "merges.txt", refused: "merges.txt: line", memory: 1600) {
      Data(try text("Models/tiny/merges.txt").utf8) + Data(repeating: 0x61, count: 20_000_000)
    },
    tokenizing("merges of 100 MB", "merges.txt", refused: "more than 64 MiB") {
      Data(repeating: 0x61, count: 100_000_000)
    },
    pieces("spiece.model of 2.1 million pieces", refused: "more than 2000000 pieces", seconds: 120) {
      var bytes: [UInt8] = []
      for _ in 0..<2_100_000 { bytes += [0x0A, 0x03, 0x0A, 0x01, 0x61] }
      return Data(bytes)
    },
    pieces("spiece.model with a field of 2⁶³ − 1 bytes", refused: "spiece.model: it is damaged at byte 0") {
      Data([0x0A] + Array(repeating: 0xFF, count: 8) + [0x7F])
    },
    speaking("text of 20,000 nested &amp;", "&" + String(repeating: "amp;", count: 20_000)),
    speaking("text of one word of 120,000 letters", String(repeating: "a", count: 120_000)),
    speaking("text of 50,000 accents on one letter", "e" + String(repeating: "\u{301}", count: 50_000)),
    speaking("text of 120,000 tag openings", String(repeating: "<", count: 120_000)),
  ]

  private static func information(
    _ row: String, _ file: String, refused: String, memory: Int = 1200, seconds: Int = 20,
    _ content: @escaping @Sendable () throws -> Data
  ) -> HostileInput {
    HostileInput(row, refused: refused, memory: memory, seconds: seconds) { folder in
      ["clip", "info", try clip(folder, file, try content()).path]
    }
  }

  private static func configuration(_ row: String, _ key: String, _ value: Int) -> HostileInput {
    information(row, "config.json", refused: "\(key) is \(value)") {
      Data(
        try text("Models/tiny/config.json").replacingOccurrences(
          of: "\"\(key)\" : [0-9]+", with: "\"\(key)\" : \(value)", options: .regularExpression
        ).utf8)
    }
  }

  private static func tokenizing(
    _ row: String, _ file: String, refused: String? = nil, memory: Int = 1200, seconds: Int = 20,
    _ content: @escaping @Sendable () throws -> Data
  ) -> HostileInput {
    HostileInput(row, refused: refused, memory: memory, seconds: seconds) { folder in
      ["clip", "tokenize", try clip(folder, file, try content()).path, "--texts", "a polyp"]
    }
  }

  /// A folder whose vocabulary is a SentencePiece model.
  private static func pieces(
    _ row: String, refused: String, seconds: Int = 20, _ content: @escaping @Sendable () throws -> Data
  ) -> HostileInput {
    HostileInput(row, refused: refused, seconds: seconds) { folder in
      let clip = try clip(folder, "spiece.model", try content())
      try FileManager.default.removeItem(at: clip.appendingPathComponent("tokenizer_config.json"))
      return ["clip", "tokenize", clip.path, "--texts", "a polyp"]
    }
  }

  private static func speaking(_ row: String, _ text: String) -> HostileInput {
    HostileInput(row) { _ in ["clip", "tokenize", "tiny", "--texts", text] }
  }
}
