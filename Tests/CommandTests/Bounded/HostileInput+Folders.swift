import Foundation

extension HostileInput {
  /// Prompt files, folders of sites and runs.
  static let folders: [HostileInput] = [
    prompts("prompt file of 2 MB", refused: "more than 1 MiB") {
      $0 + String(repeating: " ", count: 2_000_000)
    },
    prompts("prompt file of 20,000 classes", refused: "at most 100000 are possible", seconds: 60) {
      let classes = (0..<20_000).map { "\"c\($0)\"" }.joined(separator: ", ")
      return $0.replacingOccurrences(of: "classes: [", with: "classes: [\(classes), ")
    },
    prompts("prompt file with a text of 100,000 letters", refused: "more than 1000 characters") {
      $0.replacingOccurrences(
        of: "text: \"blur\"", with: "text: \"\(String(repeating: "a", count: 100_000))\"")
    },
    prompts("prompt file with 100 placeholders in a sentence", refused: "more than 10 placeholders") {
      $0.replacingOccurrences(
        of: "\"{A class} in", with: "\"\(String(repeating: "{A class}", count: 100)) in")
    },
    prompts("prompt file of 100,000 faults", refused: "further faults are not listed", seconds: 60) {
      $0.replacingOccurrences(of: "groups: [", with: "groups: [\(String(repeating: "{},", count: 100_000))")
    },
    prompts("prompt file nested 100,000 deep", refused: "nested more than 500 deep") { _ in
      String(repeating: "[", count: 100_000)
    },
    HostileInput("file of phrases of 2 MB", refused: "more than 1 MiB") { folder in
      let file = folder.appendingPathComponent("phrases.txt")
      try repeated("a phrase\n", 230_000).write(to: file)
      return ["prompts", "suggest", "--data", folder.path, "--clip", "tiny", "--phrases", file.path]
    },
    sites("sites.json5 of 20,000 sites in one folder", refused: "at most 1000") {
      let entries = (0..<20_000).map { "{name:\"s\($0)\",images:\"a/images\",masks:\"a/masks\"}" }
      return Data("{sites:[\(entries.joined(separator: ","))]}".utf8)
    },
    sites("sites.json5 with a pattern of nested repetitions", refused: "takes too long on the image aaaa") {
      Data(#"{sites:[{name:"a",groupPattern:"^((a|aa)+)+$"}]}"#.utf8)
    },
    sites("sites.json5 of 100 MB", refused: "more than 64 MiB") { Data(repeating: 0x20, count: 100_000_000) },
    sites("sites.json5 nested 1,000,000 deep", refused: "nested more than 500 deep") {
      repeated("[", 1_000_000)
    },
    sites("image that is a link to /dev/zero", refused: "mend them before", link: "/dev/zero"),
    sites("folder of images that is a link to itself", refused: "no images", loops: true),
    run("run with images of 2⁴⁰ pixels a side", "imageSize", "1099511627776", refused: "imageSize is"),
    run("run with a grid of 10⁹ channels", "gridWidth", "1000000000", refused: "model.head.gridWidth is"),
    run(
      "run with 1,000 levels", "detailWidths", "[\(String(repeating: "8,", count: 1000))8]",
      refused: "model.head.detailWidths is"),
    run("run with 2⁶² epochs", "epochs", "4611686018427387904", refused: "epochs is"),
    run("run with 10⁹ variants of an image", "variants", "1000000000", refused: "interventions.variants is"),
    HostileInput("annotation.json nested 1,000,000 deep, imported", refused: "annotation.json") { folder in
      let source = folder.appendingPathComponent("source")
      try FileManager.default.createDirectory(
        at: source.appendingPathComponent("imgs"), withIntermediateDirectories: true)
      for (name, content) in [
        ("annotation", repeated("[", 1_000_000)), ("labels", Data("[]".utf8)), ("objects", Data("[]".utf8)),
      ] {
        try content.write(to: source.appendingPathComponent("\(name).json"))
      }
      return importing("bm-broncholc", source, folder)
    },
    HostileInput("source of folders nested 100 deep, imported", refused: "nested more than 32 deep") {
      folder in
      let source = folder.appendingPathComponent("source")
      let deep = (0..<100).reduce(source) { place, _ in place.appendingPathComponent("a") }
      try FileManager.default.createDirectory(at: deep, withIntermediateDirectories: true)
      return importing("folder", source, folder)
    },
    HostileInput("run whose config.json is nested 100,000 deep", refused: "config.json") { folder in
      let run = folder.appendingPathComponent("run")
      try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
      try repeated("[", 100_000).write(to: run.appendingPathComponent("config.json"))
      return ["evaluate", run.path]
    },
  ]

  private static func prompts(
    _ row: String, refused: String, seconds: Int = 20, _ change: @escaping @Sendable (String) -> String
  ) -> HostileInput {
    HostileInput(row, refused: refused, seconds: seconds) { folder in
      let file = folder.appendingPathComponent("prompts.json5")
      try Data(change(try text("Prompts/endoscopy.json5")).utf8).write(to: file)
      return ["prompts", "check", file.path]
    }
  }

  /// One site whose images have long names, with a catalogue or a link.
  private static func sites(
    _ row: String, refused: String, link: String? = nil, loops: Bool = false,
    _ catalogue: (@Sendable () -> Data)? = nil
  ) -> HostileInput {
    HostileInput(row, refused: refused) { folder in
      let files = FileManager.default
      let (images, masks) = (
        folder.appendingPathComponent("a/images"), folder.appendingPathComponent("a/masks")
      )
      for place in [images, masks] { try files.createDirectory(at: place, withIntermediateDirectories: true) }
      let picture = HostilePictures.png(width: 8, height: 8, bytes: 72)
      for index in 0..<4 {
        let name = String(repeating: "a", count: 100) + "\(index).png"
        try picture.write(to: images.appendingPathComponent(name))
        try picture.write(to: masks.appendingPathComponent(name))
      }
      if let link {
        let name = String(repeating: "a", count: 100) + "0.png"
        try files.removeItem(at: images.appendingPathComponent(name))
        try files.createSymbolicLink(
          atPath: images.appendingPathComponent(name).path, withDestinationPath: link)
      }
      if loops {
        try files.removeItem(at: images)
        try files.createSymbolicLink(atPath: images.path, withDestinationPath: ".")
      }
      try catalogue?().write(to: folder.appendingPathComponent("sites.json5"))
      return ["data", "inspect", folder.path]
    }
  }

  private static func importing(_ kind: String, _ source: URL, _ folder: URL) -> [String] {
    ["data", "import", kind, source.path, "--site", "s", "--out", folder.appendingPathComponent("data").path]
  }

  /// A run whose settings hold one absurd value.
  private static func run(_ row: String, _ key: String, _ value: String, refused: String) -> HostileInput {
    HostileInput(row, refused: refused) { folder in
      let run = folder.appendingPathComponent("run")
      try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
      let parent = ["gridWidth": "model.head", "detailWidths": "model.head", "variants": "interventions"][key]
      let settings = (parent?.split(separator: ".") ?? []).reversed()
        .reduce("\"\(key)\": \(value)") { "\"\($1)\": { \($0) }" }
      try Data("{ \(settings) }".utf8).write(to: run.appendingPathComponent("config.json"))
      return ["evaluate", run.path]
    }
  }
}
