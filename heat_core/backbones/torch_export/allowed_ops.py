"""Operations of torch that a program may use: arithmetic on tensors, without access to files, processes or raw memory.

The list covers what the networks of timm, torchvision and transformers export to, and similar operations. A name stands
for all its overloads and for the in-place operation.
"""

OPERATIONS = frozenset(
    """
    abs acos acosh add addbmm addcdiv addcmul addmm addmv alias all amax amin aminmax any arange argmax argmin argsort
    asin asinh atan atan2 atanh baddbmm bmm matmul mm mv dot outer einsum linear bilinear cosine_similarity
    bitwise_and bitwise_not bitwise_or bitwise_xor logical_and logical_not logical_or logical_xor eq ne lt le gt ge
    isfinite isinf isnan where masked_fill maximum minimum max min median ceil floor round trunc frac fmod remainder
    floor_divide div mul sub rsub neg reciprocal pow square sqrt rsqrt exp exp2 expm1 log log10 log1p log2 logaddexp
    logcumsumexp logsumexp xlogy sigmoid log_sigmoid tanh sin cos tan sinh cosh sinc erf erfc lerp sign sgn clamp
    clamp_min clamp_max clip nan_to_num sum mean prod cumsum cumprod std std_mean var var_mean norm linalg_vector_norm
    linalg_norm diff sort topk relu relu6 leaky_relu prelu rrelu elu celu selu gelu silu mish glu hardtanh hardsigmoid
    hardswish hardshrink softplus softshrink softsign threshold softmax _softmax log_softmax _log_softmax softmin
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d convolution _convolution im2col col2im batch_norm
    _native_batch_norm_legit_no_training layer_norm native_layer_norm group_norm native_group_norm instance_norm
    rms_norm _weight_norm local_response_norm adaptive_avg_pool1d adaptive_avg_pool2d _adaptive_avg_pool2d
    adaptive_max_pool1d adaptive_max_pool2d avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d
    max_pool2d_with_indices max_pool3d upsample_nearest1d upsample_nearest2d _upsample_nearest_exact2d
    upsample_linear1d upsample_bilinear2d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa
    grid_sampler grid_sampler_2d affine_grid_generator pixel_shuffle pixel_unshuffle channel_shuffle pad
    constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d lstm gru
    scaled_dot_product_attention dropout feature_dropout alpha_dropout fft_fft fft_ifft fft_fft2 fft_ifft2 fft_rfft
    fft_irfft fft_rfft2 fft_irfft2 fft_fftshift fft_ifftshift view_as_real view_as_complex real imag view reshape
    reshape_as view_as flatten unflatten squeeze unsqueeze expand expand_as broadcast_to permute transpose t swapaxes
    movedim cat stack concat hstack vstack split split_with_sizes chunk tensor_split unbind select slice narrow index
    index_select gather take_along_dim unfold roll flip rot90 repeat repeat_interleave tile tril triu diagonal
    meshgrid one_hot scatter scatter_add zeros zeros_like ones ones_like full full_like new_zeros new_ones new_full
    eye linspace scalar_tensor to _to_copy type_as contiguous clone copy detach lift_fresh_copy fill sym_size
    sym_numel
    """.split()  # noqa: SIM905
)
