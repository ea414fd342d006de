-- Take a representation away.
DELETE FROM geometry WHERE gid = $gid::UUID;
