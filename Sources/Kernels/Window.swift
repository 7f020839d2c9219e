/// A storage's place in the memory of a forward pass.
struct Site {
    var offset = 0
    /// Bytes from one image's map to the next.
    var imageBytes = 0
    /// True if it holds the images of one pass, not all of the batch.
    var isOfPass = false
    /// True if it holds the rows of one piece, not all of the pass's images.
    var isOfPiece = false
}

/// The part of a forward pass that a step works on, and the memory of it all.
struct Window {
    let input: UnsafePointer<Float>
    let logits: UnsafeMutablePointer<Float>
    let maps: UnsafeMutableRawPointer
    let sites: UnsafePointer<Site>
    /// The index of the storage of the logits.
    let logitsStorage: Int
    /// Values of an image of the input, and of its logits.
    let inputCount: Int, logitCount: Int

    /// The first of the images, and their number.
    var firstImage = 0, images: Int64 = 1
    /// The rows of tokens of these images that row-wise steps take; nil for all.
    var piece: Range<Int>?

    /// The images of the input.
    var picture: UnsafePointer<Float> { input + firstImage * inputCount }

    func rows(of tokens: Int) -> Int64 { piece.map { Int64($0.count) } ?? images * Int64(tokens) }

    /// A map, from the first image on; with `rowBytes`, the bytes between its tokens, from the first
    /// row on.
    func callAsFunction(_ place: Place, _ rowBytes: Int = 0) -> UnsafeMutableRawPointer {
        if place.storage == logitsStorage { return UnsafeMutableRawPointer(logits + firstImage * logitCount) }
        let site = sites[place.storage]
        var offset = site.offset + place.offset
        if !site.isOfPass { offset += firstImage * site.imageBytes }
        if let piece, !site.isOfPiece { offset += piece.lowerBound * rowBytes }
        return maps + offset
    }

    func floats(_ place: Place, _ rowBytes: Int = 0) -> UnsafeMutablePointer<Float> {
        self(place, rowBytes).assumingMemoryBound(to: Float.self)
    }
}
