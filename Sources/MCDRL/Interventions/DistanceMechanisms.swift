import Torch

/// Nearer and farther: the picture and its mask are zoomed about the middle, and the lamp comes along.
struct DistanceMechanisms {
  let canvas: Canvas

  /// Up to 1.65 times as large, a little brighter in the middle.
  func near() throws -> (images: Tensor, masks: Tensor) {
    let strength = canvas.strength
    let (images, masks) = try zoomed(strength * 0.65 + 1)
    let centre = try 1 - (canvas.x.power(2) + canvas.y.power(2)).clamped(max: 1)
    let lamp = try strength * (centre * 0.20 + 0.08) + 1
    return (try canvas.lit(images, by: lamp), masks)
  }

  /// Down to 0.6 times as large, darker outwards.
  ///
  /// What comes into view is the picture mirrored, unless its frame is black: then that goes on.
  func far() throws -> (images: Tensor, masks: Tensor) {
    let strength = canvas.strength
    let (images, masks) = try zoomed(1 - strength * 0.40)
    let radius = try canvas.x.power(2) + canvas.y.power(2)
    let lamp = try (1 - strength * 0.14) * (1 - (radius * strength * 0.30).clamped(max: 0.7))
    return (try canvas.lit(images, by: lamp), masks)
  }

  private func zoomed(_ zoom: Tensor) throws -> (images: Tensor, masks: Tensor) {
    let scale = try zoom.reshaped([canvas.chance.count, 1]).power(-1)
    let nothing = try scale.zerosLike()
    let first = try Tensor.stacked([scale, nothing, nothing], dim: 2)
    let second = try Tensor.stacked([nothing, scale, nothing], dim: 2)
    let grid = try Tensor.concatenated([first, second], dim: 1).affineGrid(canvas.images.shape)
    // Where the frame is mostly black nothing is mirrored.
    let inside = try Tensor.ones([1, 1, canvas.size, canvas.size], device: canvas.images.device)
      .expanded(to: canvas.masks.shape).sampled(at: grid).atLeast(0.5).to(.float32)
    let shown = try inside.maximum(frameIsLit())
    let images = try canvas.images.sampled(at: grid, outside: .reflection) * shown
    let masks = try canvas.masks.sampled(at: grid, outside: .reflection) * shown
    return (images, try masks.atLeast(0.5).to(.float32))
  }

  /// 1 where at least six tenths of the outermost pixels show something, else 0: n×1×1×1.
  private func frameIsLit() throws -> Tensor {
    let presence = try canvas.presence
    let last = canvas.size - 1
    let sides = [
      try presence.selected(dim: 2, index: 0), try presence.selected(dim: 2, index: last),
      try presence.selected(dim: 3, index: 0), try presence.selected(dim: 3, index: last),
    ]
    let share = try Tensor.concatenated(sides, dim: 2).mean([1, 2])
    return try share.atLeast(0.6).to(.float32).reshaped([canvas.chance.count, 1, 1, 1])
  }
}
