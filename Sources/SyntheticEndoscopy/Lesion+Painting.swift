extension Lesion {
  /// The planes over the region of a lesion from which its colours are mixed.
  private struct Fields {
    /// The distance from the lesion, which is 1 on the outline.
    let outline: Plane
    /// The height of the lesion, before lumps and ulcers.
    let relief: Plane
    let lobes: Plane
    let pits: Plane
  }

  /// Paints the lesion on the wall.
  ///
  /// - Returns: the distance of each pixel from the lesion: below 1 inside, 1 on the outline, at
  ///   most 9 elsewhere.
  func paint(_ scene: Scene, _ canvas: Canvas, in view: View) -> Plane {
    let region = Region(around: centre, reach, in: view)
    let outline = Plane(size: view.size, filledWith: 9)
    guard !region.columns.isEmpty, !region.rows.isEmpty else { return outline }
    let scale = 1 / radius
    let fields = Fields(
      outline: outline, relief: Plane(size: view.size),
      lobes: noise["lobes"].fields([(1.9 * scale, 1), (4.1 * scale, 0.5)], in: view, region),
      pits: noise["pits"].fields([(11, 0.7), (23, 0.7)], in: view, region))
    for patch in patches { measure(patch, fields, region, view) }
    if look.roughness > 0 {
      roughen(
        noise["rough"].fields([(1.1 * scale, 0.8), (2.3 * scale, 0.6)], in: view, region), fields, region)
    }
    var vessels: Plane?
    if look.vesselStrength > 0 {
      let own = Plane(size: view.size)
      Vessels(noise["vessels"], trees: 3, centre: centre, reach: radius * 0.8, width: 0.011)
        .draw(on: own, strength: look.vesselStrength, in: view)
      vessels = own
    }
    for y in region.rows {
      shape(y, scene, canvas, region, view, fields, vessels)
      colour(y, scene, canvas, region, fields)
    }
    return outline
  }

  /// Adds a patch to the others: the nearest outline and the highest relief count.
  private func measure(_ patch: Patch, _ fields: Fields, _ region: Region, _ view: View) {
    patch.waves.withUnsafeBufferPointer { waves in
      for y in region.rows {
        let (outline, relief) = (fields.outline.row(y), fields.relief.row(y))
        let py = view.position(y)
        for x in region.columns {
          let distance = patch.distance(view.position(x), py, waves)
          outline[x] = min(outline[x], distance)
          let square = min(1, distance * distance)
          relief[x] = max(relief[x], patch.radius * (1 - square * mix(1, square, look.flatness)))
        }
      }
    }
  }

  /// Roughens the outline of a lesion of one patch, and also its relief.
  private func roughen(_ rough: Plane, _ fields: Fields, _ region: Region) {
    for y in region.rows {
      let (outline, relief, noise) = (fields.outline.row(y), fields.relief.row(y), rough.row(y))
      for x in region.columns {
        let distance = max(0, outline[x] + look.roughness * noise[x] * min(1, outline[x]))
        let square = min(1, distance * distance)
        outline[x] = distance
        relief[x] = radius * (1 - square * mix(1, square, look.flatness))
      }
    }
  }

  /// Paints relief, light, gloss and vessels.
  private func shape(
    _ y: Int, _ scene: Scene, _ canvas: Canvas, _ region: Region, _ view: View, _ fields: Fields,
    _ own: Plane?
  ) {
    let (outline, relief, lobes) = (fields.outline.row(y), fields.relief.row(y), fields.lobes.row(y))
    let (height, light, gloss) = (canvas.height.row(y), canvas.light.row(y), canvas.gloss.row(y))
    let (slopeX, slopeY) = (canvas.slopeX.row(y), canvas.slopeY.row(y))
    let vessels = canvas.vessels.row(y)
    let mine = own?.row(y)
    let open = max(0.6, scene.openLight)
    let py = view.position(y) - centre.y
    for x in region.columns where outline[x] < 1.45 {
      let distance = outline[x]
      let inside = smoothStep(1 - distance, -look.softness, look.softness)
      // A raised part hides the folds behind it, is nearer to the lamp and faces it.
      let up = inside * min(1, 1.6 * look.height)
      // The transition is gradual, because a step in height would draw a line around it.
      height[x] *= 1 - up * smoothStep(1 - distance, 0, 0.6)
      if distance < 1 {
        let lump = look.lobed * (0.5 - crease(lobes[x])) * 0.9
        height[x] += relief[x] * look.height * (1 + lump)
        height[x] -= radius * 0.22 * ulcer(distance, lobes[x]) * look.height
      } else {
        // A dome casts a soft shadow on the wall away from the lamp.
        let away = ((view.position(x) - centre.x) * scene.lamp.x + py * scene.lamp.y) / (radius * 0.5)
        let near = max(0, 1 - (distance - 1) / 0.42)
        light[x] *= 1 - look.shadow * near * near * clamped(0.6 + 0.4 * away, 0.2, 1)
      }
      light[x] = mix(light[x], open * 1.08, 0.96 * up)
      slopeX[x] *= 1 - 0.7 * up
      slopeY[x] *= 1 - 0.7 * up
      // The foot of a dome is a crease and does not shine.
      let foot = 1 - 0.9 * min(1, 3 * look.height) * (1 - smoothStep((1 - distance).magnitude, 0.02, 0.16))
      gloss[x] = mix(1, look.gloss, inside) * foot
      vessels[x] = mix(vessels[x], mine?[x] ?? vessels[x] * look.vesselsKept, inside)
    }
  }

  private func colour(_ y: Int, _ scene: Scene, _ canvas: Canvas, _ region: Region, _ fields: Fields) {
    let (outline, lobes, pits) = (fields.outline.row(y), fields.lobes.row(y), fields.pits.row(y))
    let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
    let tint = look.tint
    let own = scene.colour * tint
    for x in region.columns where outline[x] < 1 + look.softness {
      let (distance, lobe, pit) = (outline[x], lobes[x], pits[x])
      let inside = smoothStep(1 - distance, -look.softness, look.softness)
      let square = min(1, distance * distance)
      let shade =
        (1 + look.texture * pit) * (1 - 0.5 * look.lobed * crease(lobe)) * (1 + look.rim * square * square)
      var r = mix(own.x, red[x] * tint.x, 0.3) * shade
      var g = mix(own.y, green[x] * tint.y, 0.3) * shade * (1 - 0.12 * look.lobed * lobe)
      var b = mix(own.z, blue[x] * tint.z, 0.3) * shade * (1 - 0.08 * look.lobed * lobe)
      // The slough over an ulcer is yellow-grey, with blood where the fine field is low.
      let slough = 0.85 * ulcer(distance, lobe)
      let blood = smoothStep(-pit, 0.2, 1.1)
      r = mix(r, mix(0.78, 0.45, blood), slough)
      g = mix(g, mix(0.66, 0.10, blood), slough)
      b = mix(b, mix(0.44, 0.08, blood), slough)
      // Erosions: small whitish spots.
      let erosion = look.erosions * smoothStep(pit + 0.3 * lobe, 1.35, 1.9)
      red[x] = mix(red[x], mix(r, 0.92, erosion), inside)
      green[x] = mix(green[x], mix(g, 0.82, erosion), inside)
      blue[x] = mix(blue[x], mix(b, 0.60, erosion), inside)
    }
  }

  /// Returns the creases between lobes, where their field is zero.
  @inline(__always)
  private func crease(_ lobe: Float) -> Float { 1 / (1 + 14 * lobe * lobe) }

  /// Returns the depth of a place in the ulcer.
  @inline(__always)
  private func ulcer(_ distance: Float, _ lobe: Float) -> Float {
    look.ulcer * smoothStep(0.48 - distance + 0.22 * lobe, -0.06, 0.24)
  }
}
