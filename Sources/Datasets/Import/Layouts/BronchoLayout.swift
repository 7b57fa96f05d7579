import Foundation
import Storage

/// BM-BronchoLC: `annotation.json`, `objects.json`, `labels.json` and `imgs/PATIENT/VIDEO/ID.png`.
enum BronchoLayout: SourceReader {
  static let name = "bm-broncholc"
  static let summary = "BM-BronchoLC: annotation.json, labels.json and imgs/ of cancer and other patients"
  static let labelChoices: Set<LabelChoice> = [.values, .lesions]

  /// The identifiers of the lesions in `labels.json`; the other labels are anatomical landmarks.
  private static let lesions: Set<String> = [
    "a2ff1ceb-280b-410d-9ddc-82cb4a2e2ccb", "ff9241a0-a760-49d4-b34d-54f20ddedb0c",
    "b96f104d-948d-4507-8b9c-c1dd0734b759", "4001669a-6f32-4a80-91f1-7c0766f19d29",
    "cbed49c9-81ec-45d0-b619-a12c57c1770f", "3f2cce73-e832-4e8c-93f3-984b9e48baf3",
    "cf97e212-5790-4ce0-92b0-5f585cfbbd8c",
  ]
  private static let documents = ["annotation.json", "objects.json", "labels.json"]
  /// The largest annotation file.
  private static let mostBytes = 256 << 20

  /// One outline of an image.
  private struct Outline: Decodable {
    struct Place: Decodable {
      let x: Double
      let y: Double
    }
    let object_id: String
    let label_ids: [String]
    let data: [Place]
  }

  private struct Label: Decodable {
    let id: String
    let name: String
  }

  static func recognises(_ source: URL) -> Bool {
    SourceTree.look(at: source).map { !folders($0).isEmpty } ?? false
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    var pairing = Pairing(tree)
    pairing.listing.labels = options.labels
    pairing.listing.origin = DataOrigin(
      licence: "CC BY 4.0", source: "BM-BronchoLC, https://doi.org/10.6084/m9.figshare.24243670",
      citation:
        "Vu et al.: BM-BronchoLC - A rich bronchoscopy dataset for anatomical landmarks and "
        + "lung cancer lesion "
        + "recognition. Scientific Data 11, 2024")
    pairing.listing.notes = [
      "images in which no lesion is outlined are left out, as the set's own scripts do"
    ]
    let found = folders(tree)
    guard !found.isEmpty else {
      throw ImportError.wrongLayout(
        source, kind: name, reason: "no folder holds \(documents.joined(separator: ", ")) and imgs/")
    }
    for folder in found {
      let (shapes, file) = try shapes(in: folder, of: tree, options)
      for document in documents { pairing.use(SourceTree.join(folder, document)) }
      let start = SourceTree.join(folder, "imgs") + "/"
      var used: Set<String> = []
      for image in tree.images where image.hasPrefix(start) {
        let id = DistinctStems.stem(image)
        guard let own = shapes[id] else {
          pairing.leaveOut(image, "no lesion of those that are imported is outlined in it")
          continue
        }
        used.insert(id)
        let patient = image.dropFirst(start.count).split(separator: "/").first.map(String.init) ?? id
        pairing.add(image, .shapes(own, source: file), .init(group: "bm-broncholc-\(patient)"))
      }
      for id in shapes.keys where !used.contains(id) {
        pairing.leaveOut(
          "\(start)…/\(id)", "annotation.json outlines a lesion in it, but the image is missing")
      }
    }
    return try pairing.finished(kind: name)
  }

  /// Reads the outlines of lesions by image.
  private static func shapes(
    in folder: String, of tree: SourceTree, _ options: ImportOptions
  ) throws -> (shapes: [String: [LabelledShape]], file: URL) {
    let file = tree.url(SourceTree.join(folder, documents[0]))
    let labels: [Label] = try decode(tree.url(SourceTree.join(folder, documents[2])))
    let names = Dictionary(labels.map { ($0.id, $0.name) }) { first, _ in first }
    let wanted = options.lesions.isEmpty ? Array(options.labels.keys) : options.lesions
    for name in wanted where !names.values.contains(name) {
      throw ImportError.option(
        options.lesions.isEmpty ? "--labels" : "--lesions",
        reason:
          "\(name) is no label of \(file.shownPath); there are "
          + "\(Set(names.values).sorted().joined(separator: ", "))"
      )
    }
    var shapes: [String: [LabelledShape]] = [:]
    for outline in try decode(file) as [Outline] where outline.data.count > 2 {
      for id in outline.label_ids {
        let name = names[id] ?? id
        guard wanted.isEmpty ? lesions.contains(id) : wanted.contains(name) else { continue }
        let ring = outline.data.map { LabelledShape.Point($0.x, $0.y) }
        shapes[outline.object_id, default: []].append(LabelledShape(label: name, form: .polygon([ring])))
      }
    }
    return (shapes, file)
  }

  private static func decode<Value: Decodable>(_ url: URL) throws -> Value {
    let data = try Data(file: url, limit: mostBytes)
    do {
      return try JSONDecoder().decode(Value.self, from: data)
    } catch {
      throw ImportError.malformed(url, reason: "is not as BM-BronchoLC has it: \(explanation(of: error))")
    }
  }

  /// The folders that hold the three documents.
  private static func folders(_ tree: SourceTree) -> [String] {
    tree.others.compactMap { path -> String? in
      guard path == documents[0] || path.hasSuffix("/" + documents[0]) else { return nil }
      let folder = path == documents[0] ? "" : String(path.dropLast(documents[0].count + 1))
      return documents.allSatisfy { tree.others.contains(SourceTree.join(folder, $0)) } ? folder : nil
    }.sorted()
  }
}
