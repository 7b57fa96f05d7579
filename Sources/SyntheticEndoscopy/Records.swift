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
    case image, mask, scene, anatomy, lesion, strengths, placements, camera, zoom, role, intervention
  }

  func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(image, forKey: .image)
    try fields.encode(mask, forKey: .mask)
    try fields.encode(draw.scene, forKey: .scene)
    try fields.encode(draw.anatomy, forKey: .anatomy)
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
  struct Others: Encodable {
    let images: String
    let masks: String
    let classes: [String: LesionClass?]
  }

  let name: String
  let classes: [String: LesionClass?]
  let test: Others?
  let unlinked: Others?

  init(_ name: String, _ images: [(stem: String, lesion: LesionClass?, role: SiteRole?)]) {
    func classes(_ role: SiteRole) -> [String: LesionClass?] {
      Dictionary(uniqueKeysWithValues: images.filter { $0.role == role }.map { ($0.stem, $0.lesion) })
    }
    func others(_ role: SiteRole, _ folder: String) -> Others? {
      let classes = classes(role)
      guard !classes.isEmpty else { return nil }
      return Others(images: "\(name)/\(folder)/images", masks: "\(name)/\(folder)/masks", classes: classes)
    }
    self.name = name
    self.classes = classes(.source)
    test = others(.heldOut, "test")
    unlinked = others(.unlinked, "unlinked")
  }
}
