import Files

/// A file of tensors could not be read or written: file, reason and remedy, in one line.
public typealias TensorFileError = FileError
