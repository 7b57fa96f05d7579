import Storage

extension CLIPConfiguration {
  /// OpenCLIP's settings of a trunk of timm.
  static let trunkSettings: Set<String> = [
    "timm_model_pretrained", "timm_pool", "timm_proj", "timm_proj_bias", "timm_drop", "timm_drop_path",
    "timm_model_kwargs",
  ]

  /// The first setting of a trunk that does not fit it.
  var trunkFault: Fault? {
    guard let trunk = vision.trunk else {
      let alone = [
        ("trunk_pool", vision.trunkPool?.rawValue), ("trunk_proj", vision.trunkProjection),
        ("trunk_proj_bias", vision.trunkProjectionHasBias.map { "\($0)" }),
      ]
      return alone.first { $0.1 != nil }
        .map { ("vision_config.\($0.0)", $0.1 ?? "", "it is only for a trunk, which is not named") }
    }
    let key = "vision_config.trunk"
    guard let geometry = TrunkGeometry(named: trunk) else {
      return (key, "\"\(trunk)\"", "supported: " + TrunkGeometry.names.joined(separator: ", "))
    }
    if vision.stages != nil || vision.stemChannels != nil {
      return (key, "\"\(trunk)\"", "it excludes resnet_layers and stem_channels")
    }
    if vision.imageSize < geometry.leastSide {
      return (
        "vision_config.image_size", "\(vision.imageSize)",
        "\(trunk) takes images of \(geometry.leastSide) pixels or more"
      )
    }
    if let pool = vision.trunkPool, !geometry.pools.contains(pool) {
      return ("vision_config.trunk_pool", "\"\(pool.rawValue)\"", "\(trunk) has no tokens; remove it")
    }
    let kind = vision.trunkProjection ?? TrunkProjection.Kind.linear.rawValue
    guard TrunkProjection.Kind(rawValue: kind) != nil else {
      let names = TrunkProjection.Kind.allCases.map(\.rawValue)
      return ("vision_config.trunk_proj", "\"\(kind)\"", "supported: \(names.joined(separator: ", "))")
    }
    if kind == TrunkProjection.Kind.none.rawValue, geometry.width != projectionSize {
      return (
        "vision_config.trunk_proj", "\"\(kind)\"",
        "the trunk has \(geometry.width) channels, and projection_dim is \(projectionSize)"
      )
    }
    return nil
  }

  /// Reads an image tower that OpenCLIP's file names as a model of timm.
  ///
  /// - Parameters:
  ///   - name: the value of `timm_model_name`; a tag of weights after a dot has no effect.
  ///   - reader: the settings of the image tower; all are taken.
  /// - Throws: `CLIPError` that names the file and the setting.
  mutating func readTrunk(_ name: String, _ reader: inout SettingsReader) throws {
    let plain = String(name.prefix { $0 != "." })
    guard let geometry = TrunkGeometry(named: plain) else {
      throw reader.refusal(
        "timm_model_name", .string(name), "supported: \(TrunkGeometry.names.joined(separator: ", "))")
    }
    vision.trunk = plain
    // An empty text and null stand for the classifier of the trunk.
    let isNull = reader.peek("timm_proj") == .null
    let projection = try reader.choice("timm_proj", ["linear", "mlp", "none", ""], orNull: "") ?? "linear"
    let hasOwnEnd = projection == "" || projection == "none"
    vision.trunkProjection =
      isNull || projection == "" ? TrunkProjection.Kind.classifier.rawValue : projection
    if try reader.flag("timm_proj_bias") == true, !hasOwnEnd { vision.trunkProjectionHasBias = true }
    // Without a pool, timm's own end would return one vector for each position.
    let pools = (geometry.pools.isEmpty ? [] : ["token"]) + ["avg"] + (hasOwnEnd ? [] : [""])
    let pool = try reader.choice("timm_pool", pools, orNull: "") ?? "avg"
    if case .transformer(let transformer) = geometry {
      vision.trunkPool =
        switch pool {
        case "token": .token
        // timm then makes the norm follow the mean, except where a family fixes it.
        case "avg": hasOwnEnd && !transformer.isEva ? .avgThenNorm : .avg
        default: transformer.pool
        }
    }
    try reader.expect(["timm_model_kwargs": [.object([:])]])
    reader.ignore(["timm_model_pretrained", "timm_drop", "timm_drop_path", "patch_dropout"])
    // A file may hold the defaults of CLIP's own towers, which a trunk does not read.
    reader.ignore(["layers", "width", "head_width", "mlp_ratio", "patch_size"])
    try reader.finish()
  }
}

extension SettingsReader {
  /// Takes one of some texts; null stands for another of them.
  mutating func choice(_ key: String, _ names: [String], orNull other: String) throws -> String? {
    if peek(key) == .null {
      _ = take(key)
      return other
    }
    return try choice(key, names)
  }

  /// Takes a text; null counts as none.
  mutating func optionalText(_ key: String) throws -> String? {
    if peek(key) == .null { _ = take(key) }
    return try text(key)
  }
}
