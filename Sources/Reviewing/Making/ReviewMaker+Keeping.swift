import Foundation
import Storage
import Training

extension ReviewMaker {
  /// Returns an item that an earlier call wrote, if it is of the same model and input.
  ///
  /// - Parameters:
  ///   - input: the image.
  ///   - model: the hash of the model.
  ///   - hashes: hashes the input.
  /// - Returns: its row, without its site, and whether it has an explanation; nil if it has to be made anew.
  package func kept(
    _ input: ReviewInput, by model: String, _ hashes: InputHashes
  ) -> (row: ReviewQueue.Row, isExplained: Bool)? {
    let id = ids[input.source.name] ?? input.source.name
    guard let item: ReviewItem = try? ReviewScript.read(folder.itemFile(id), calling: .item),
      let made = item.made, item.id == id, made.model == model, item.masks.map(\.layer) == layers,
      let size = item.masks.first?.size, size.count == 2,
      made.image == "images/\(id).png" || made.image == "images/\(id).jpg",
      made.thumbnail.map({ $0 == "thumbnails/\(id).jpg" && isFile($0) }) ?? true,
      let hash = try? hashes.hash(of: input.source), made.input == hash,
      let picture = try? Data(file: folder.url.appendingPathComponent(made.image)),
      Self.hash(picture) == made.imageHash
    else { return nil }
    return (
      ReviewQueue.Row(
        id: id, file: input.file, image: made.image, thumbnail: made.thumbnail, site: nil, group: input.group,
        width: size[1], height: size[0], unsure: made.unsure, movement: made.movement, area: made.area,
        presence: made.presence, video: input.video, frame: input.frame, time: input.source.time,
        lesionClass: input.lesionClass), item.explanation != nil
    )
  }

  /// Takes the explanation away from an item that an earlier call explained and this one does not.
  ///
  /// - Parameter row: the row of the item.
  /// - Returns: the row without a movement.
  /// - Throws: `FileError` that names the file.
  package func withoutExplanation(_ row: ReviewQueue.Row) throws -> ReviewQueue.Row {
    var item: ReviewItem = try ReviewScript.read(folder.itemFile(row.id), calling: .item)
    item.explanation = nil
    item.made?.movement = nil
    try ReviewScript.write(item, calling: .item, to: folder.itemFile(row.id))
    var row = row
    row.movement = nil
    return row
  }

  private func isFile(_ path: String) -> Bool {
    FileSystem.kind(of: folder.url.appendingPathComponent(path)) == .file
  }
}

extension ReviewFolder {
  /// Returns whether the review has an item of this name that shows this input.
  ///
  /// Inputs that are named by their folders, too, keep the name under which the review knows them.
  ///
  /// - Parameters:
  ///   - name: the name.
  ///   - input: the input.
  ///   - hashes: hashes the input.
  /// - Returns: whether it has.
  package func knows(_ name: String, as input: PredictionInput, _ hashes: InputHashes) -> Bool {
    guard let id = ReviewID.make(for: [name]).first, FileSystem.kind(of: itemFile(id)) == .file,
      let item: ReviewItem = try? ReviewScript.read(itemFile(id), calling: .item)
    else { return false }
    if let made = item.made { return (try? hashes.hash(of: input)) == made.input }
    // An item of an earlier version has the file itself as its picture.
    return ["png", "jpg"].contains {
      FileSystem.isSameContent(url.appendingPathComponent("images/\(id).\($0)"), input.file)
    }
  }
}
