/// One line of `captions.jsonl`.
struct CaptionRecord: Encodable {
  let image: String
  let captions: [String]
}

/// One line of `factors.jsonl`: the causes of one image.
struct FactorRecord: Encodable {
  let image: String
  let mask: String
  let draw: Draw
  let zoom: Double
  var role: SiteRole?
  var intervention: String?

  private enum CodingKeys: String, CodingKey {
    case image, mask, scene, lesion, strengths, placements, camera, zoom, role, intervention
  }

  func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(image, forKey: .image)
    try fields.encode(mask, forKey: .mask)
    try fields.encode(draw.scene, forKey: .scene)
    // Null states that there is no lesion; a missing key would state nothing.
    try fields.encode(draw.lesion, forKey: .lesion)
    try fields.encode(Self.byName(draw.strengths), forKey: .strengths)
    try fields.encode(Self.byName(draw.placements.filter { $0.key.isPlaced }), forKey: .placements)
    try fields.encode(draw.camera, forKey: .camera)
    try fields.encode(zoom, forKey: .zoom)
    try fields.encodeIfPresent(role, forKey: .role)
    try fields.encodeIfPresent(intervention, forKey: .intervention)
  }

  private static func byName<Value>(_ values: [Confounder: Value]) -> [String: Value] {
    Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) })
  }
}

/// One site of `sites.json5`.
struct SiteRecord: Encodable {
  struct Test: Encodable {
    let images: String
    let masks: String
    let classes: [String: LesionClass?]
  }

  let name: String
  let classes: [String: LesionClass?]
  let test: Test?

  init(_ name: String, _ images: [(stem: String, lesion: LesionClass?, role: SiteRole?)]) {
    func classes(_ role: SiteRole) -> [String: LesionClass?] {
      Dictionary(uniqueKeysWithValues: images.filter { $0.role == role }.map { ($0.stem, $0.lesion) })
    }
    self.name = name
    self.classes = classes(.source)
    let tests = classes(.heldOut)
    test =
      tests.isEmpty
      ? nil : Test(images: "\(name)/test/images", masks: "\(name)/test/masks", classes: tests)
  }
}
